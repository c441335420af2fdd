"""Download a file of published weights into torch's cache."""

import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from pix2pix.files import put_in_place

_TIMEOUT_S = 30.0
_MAX_BYTES = 1 << 28  # the published InceptionV3 has 95,628,359


def download_weights(url: str, path: Path, *, sha256_prefix: str) -> None:
    """Download `url` to `path`, completely or not at all.

    Raises OSError if that fails, if the server is silent for half a minute, or if the file is
    larger than 256 MiB or has another SHA-256.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # On a full disk, torch may leave its partial file. This folder is removed in every case.
    with TemporaryDirectory(prefix=".download-", dir=path.parent) as folder:
        partial = Path(folder) / path.name
        try:
            with _limits():
                torch.hub.download_url_to_file(
                    url, str(partial), hash_prefix=sha256_prefix, progress=False
                )
        except (HTTPException, RuntimeError, ValueError) as error:
            # An invalid response, another hash, or a length that is not a number.
            raise OSError(str(error)) from error
        put_in_place(partial, path)


@contextmanager
def _limits() -> Iterator[None]:
    """Limit how long servers may send nothing, and the size of files; torch limits neither.

    The limits apply to the whole process as long as the context lasts.
    """
    timeout_s = socket.getdefaulttimeout()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    max_bytes = _MAX_BYTES if soft == resource.RLIM_INFINITY else min(soft, _MAX_BYTES)
    socket.setdefaulttimeout(_TIMEOUT_S)
    resource.setrlimit(resource.RLIMIT_FSIZE, (max_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        socket.setdefaulttimeout(timeout_s)
