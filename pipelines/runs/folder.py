"""Where running trainings are kept: a local folder, a shared one, or an object store."""

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import urlencode

from pyarrow.fs import FileInfo, FileSelector, FileSystem, FileType, LocalFileSystem, copy_files

from pipelines.runs import staging
from pix2pix.errors import StorageError, UserError
from pix2pix.files import make_folder, put_in_place, real_path, written_to

_CHUNK_BYTES = 2**24
# What pyarrow says of a store that answers and refuses: asking it again does not help.
_REFUSED = re.compile(
    r"AWS Error (NO_SUCH_BUCKET|ACCESS_DENIED|INVALID_ACCESS_KEY_ID|INVALID_CLIENT_TOKEN_ID"
    r"|SIGNATURE_DOES_NOT_MATCH|INVALID_SIGNATURE|MISSING_AUTHENTICATION_TOKEN|UNRECOGNIZED_CLIENT)"
)
# The same of credentials whose time is over, and of a clock that makes them look so. Some of these
# pyarrow does not know as errors; then the name that the store has sent is in its text.
_EXPIRED = re.compile(
    r"ExpiredToken|TokenRefreshRequired|RequestExpired|REQUEST_EXPIRED"
    r"|RequestTimeTooSkewed|REQUEST_TIME_TOO_SKEWED"
)


class Folder(NamedTuple):
    """A folder on a file system. A file in it is complete or does not exist, also after a kill.

    What fails on an object store is a StorageError, which is an OSError.
    """

    filesystem: FileSystem
    path: str  # without the scheme

    def __truediv__(self, name: str) -> Self:
        return self._replace(path=f"{self.path}/{name}")

    def __str__(self) -> str:
        scheme = "" if self.is_local else f"{self.filesystem.type_name}://"
        return f"{scheme}{self.path}"

    @property
    def is_local(self) -> bool:
        """Whether it is on a file system of this machine, which includes network mounts."""
        return isinstance(self.filesystem, LocalFileSystem)

    def names(self) -> list[str]:
        """Return the names of the files and folders in it; none if it does not exist."""
        selector = FileSelector(self.path, allow_not_found=True)
        with _named(self):
            return [info.base_name for info in self.filesystem.get_file_info(selector)]

    def has(self, name: str) -> bool:
        """Return whether there is a file or folder of that name."""
        return bool(self._info(name).type != FileType.NotFound)

    def read(self, name: str) -> bytes:
        """Return the bytes of a file. Raises OSError."""
        with self._opened(name) as file:
            return bytes(file.read())

    def sha256(self, name: str) -> "hashlib._Hash":
        """Return the SHA-256 of a file, which is read in parts. Raises OSError."""
        with self._opened(name, buffer_size=_CHUNK_BYTES) as file:
            return hashlib.file_digest(file, "sha256")

    def size_and_change_time(self, name: str) -> tuple[int, int]:
        """Return size in bytes and change time in ns of a file. Each write changes them."""
        info = self._info(name)
        return info.size, info.mtime_ns

    def write(self, name: str, data: bytes) -> None:
        """Write a file. Raises OSError, which names the file if the disk is full."""
        staged = self.stage()
        try:
            with written_to(Path(self.path, name) if self.is_local else staged / name):
                (staged / name).write_bytes(data)
            self.adopt(staged / name, name)
        finally:
            shutil.rmtree(staged, ignore_errors=True)

    def stage(self) -> Path:
        """Make a local folder for files that `adopt` moves into this one."""
        if not self.is_local:
            return staging.stage()
        make_folder(Path(self.path))
        return staging.stage(Path(self.path))

    def adopt(self, file: Path, name: str) -> None:
        """Move or copy a local file to `name`, completely or not at all.

        On a local file system the file is flushed, renamed, and its name flushed; an object store
        shows an object when it is complete. Raises OSError.
        """
        if self.is_local:
            put_in_place(file, Path(self.path, name))
            return
        # Not by a stream of Python: after an interruption its `with` would close it, and the store
        # would show what has arrived so far as the complete object.
        with _named(self / name):
            copy_files(
                str(file),
                f"{self.path}/{name}",
                source_filesystem=LocalFileSystem(),
                destination_filesystem=self.filesystem,
            )

    def copy_in(self, file: Path, name: str) -> None:
        """Copy a local file to `name`, completely or not at all. Raises OSError."""
        if not self.is_local:
            self.adopt(file, name)
            return
        staged = self.stage()
        try:
            shutil.copyfile(file, staged / file.name)
            make_folder(Path(self.path, name).parent)
            self.adopt(staged / file.name, name)
        finally:
            shutil.rmtree(staged, ignore_errors=True)

    def remove(self, name: str) -> None:
        """Remove a file, or nothing if there is none."""
        if self.has(name):
            with _named(self / name):
                self.filesystem.delete_file(f"{self.path}/{name}")

    def sweep(self) -> None:
        """Remove the unfinished files of processes that were killed."""
        if self.is_local:
            staging.sweep(Path(self.path))

    def remove_all(self) -> None:
        """Remove the folder and all that is in it."""
        with _named(self):
            self.filesystem.delete_dir(self.path)

    def _info(self, name: str) -> FileInfo:
        with _named(self / name):
            return self.filesystem.get_file_info(f"{self.path}/{name}")

    @contextmanager
    def _opened(self, name: str, *, buffer_size: int | None = None) -> Iterator[Any]:
        # By default, pyarrow would decompress a file whose name ends in .gz.
        options = {"compression": None, "buffer_size": buffer_size}
        path = f"{self.path}/{name}"
        with _named(self / name), self.filesystem.open_input_stream(path, **options) as file:
            yield file


@contextmanager
def _named(place: Folder) -> Iterator[None]:
    """Turn an error of an object store into a StorageError that names the place and what to do.

    Such errors of pyarrow have no errno. Those of local file systems, and FileNotFoundError, stay.
    """
    try:
        yield
    except OSError as error:
        if error.errno is not None:
            raise
        is_expired = _EXPIRED.search(str(error)) is not None
        failure = StorageError(
            f"{place}: {error}; {_remedy(str(error))}, then give the same command again"
        )
        if is_expired or _REFUSED.search(str(error)):
            failure.errno = errno.EACCES  # a StorageError without errno may pass
        raise failure from error


def _remedy(said: str) -> str:
    if _EXPIRED.search(said):
        return (
            "the credentials have expired or a clock is wrong; set new credentials for the driver "
            "and on all nodes, check the clocks"
        )
    if "certificate" in said:
        return (
            "let AWS_CA_BUNDLE name a file with the certificate of the authority that signed the "
            "store's, at the same path on all nodes"
        )
    return "check bucket, credentials and endpoint"


def open_folder(location: str) -> Folder:
    """Return the folder at a path or a URI such as s3://bucket/folder.

    Credentials, endpoint and certificates of an object store come from the environment
    (AWS_ENDPOINT_URL, ...). Raises UserError if this kind of store is unknown or cannot be used.
    """
    if "://" not in location:
        return Folder(LocalFileSystem(), str(real_path(Path(location))))
    try:
        filesystem, path = FileSystem.from_uri(_with_certificates(location))
    except (OSError, ValueError) as error:  # pyarrow's errors are subclasses of these
        raise UserError(f"train.storage_path: {location} cannot be used: {error}") from None
    return Folder(filesystem, path.rstrip("/"))


def _with_certificates(location: str) -> str:
    """The URI with the file of AWS_CA_BUNDLE, which DVC and MLflow read, but pyarrow does not."""
    bundle = os.environ.get("AWS_CA_BUNDLE")
    if not bundle or not location.startswith("s3://"):
        return location
    separator = "&" if "?" in location else "?"
    return f"{location}{separator}{urlencode({'tls_ca_file_path': bundle})}"
