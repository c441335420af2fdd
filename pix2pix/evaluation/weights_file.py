"""Download a file of published weights into torch's cache."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pix2pix.files import put_in_place, sha256_of_file
from pix2pix.sources.download import download

_TIMEOUT_S = 30.0
_RETRY_PAUSES_S = (1.0, 3.0)  # an evaluation can do without these weights
_MAX_BYTES = 1 << 28  # the published InceptionV3 has 95,628,359


def download_weights(url: str, path: Path, *, sha256_prefix: str) -> None:
    """Download `url` to `path`, which appears only when it is complete and has this SHA-256.

    After a cut, the next call goes on with what has arrived. Raises OSError if the download fails,
    if the server is silent for half a minute or slower than `pix2pix.web` allows, or if the file is
    larger than 256 MiB or has another SHA-256.
    """
    unchecked = path.with_name(f".{path.name}.unchecked")
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone_in(path.parent):
        if path.is_file():  # another process has downloaded it since
            return
        download(
            url,
            unchecked,
            timeout_s=_TIMEOUT_S,
            retry_pauses_s=_RETRY_PAUSES_S,
            max_bytes=_MAX_BYTES,
        )
        found = sha256_of_file(unchecked)
        if not found.startswith(sha256_prefix):
            unchecked.unlink()
            raise OSError(f"{url}: the file has the SHA-256 {found}, not {sha256_prefix}...")
        put_in_place(unchecked, path)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other process downloads to a folder: both would write to one part of a file."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems have no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
