"""Write files atomically and durably.

Atomically: a reader sees the old content or the complete new one. Durably: the file survives a
power cut once the function has returned. For this, the content is flushed before the rename, or
the file might be empty after a crash; and the folder after it, or the new name might be lost.
"""

import errno
import fcntl
import hashlib
import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from pix2pix.errors import StorageError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_LARGE_TEMPORARY_FILES = "/var/tmp"  # on many systems /tmp is in memory


def write_bytes(path: Path, content: bytes, *, is_durable: bool = True) -> None:
    """Write a file atomically and durably; missing folders are created.

    With `is_durable=False` nothing is flushed: for temporary files, for files that are checked when
    they are read, and for many that the caller flushes at once.
    Raises StorageError naming the file if it cannot be written, for example on a full disk.
    """
    with written_to(path):
        if is_durable:
            make_folder(path.parent)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
        partial, file = _open_partial(path)
        with file:  # its lock lasts until it is closed
            try:
                file.write(content)
                file.flush()
                if is_durable:
                    put_in_place(partial, path)
                else:
                    _replace(partial, path)
            except BaseException:
                partial.unlink(missing_ok=True)
                raise


def _open_partial(path: Path) -> tuple[Path, BinaryIO]:
    """A new file beside `path`, which no other process writes or removes, and its name.

    The name follows from that of `path`, so that the next writing uses again what a killed process
    has left. Where another process writes the same file just now, or the file system has no locks,
    it is a name that no other file has. Both are short: that of `path` may have all 255 bytes.
    """
    usual = path.with_name(f".{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}.partial")
    with suppress(OSError):
        return usual, _open_locked(usual)
    unique = path.with_name(f".{uuid.uuid4().hex}.partial")
    return unique, unique.open("xb")


def _open_locked(path: Path) -> BinaryIO:
    """Open a file for writing anew.

    Raises BlockingIOError if another process writes it, OSError if the file system has no locks.
    """
    file = path.open("ab")  # it is emptied only when it is locked
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not _has_name(file, path):
            raise BlockingIOError  # it was finished and renamed after it was opened here
        file.truncate(0)
    except BlockingIOError:
        file.close()
        raise
    except BaseException:
        file.close()
        path.unlink(missing_ok=True)
        raise
    return file


def _has_name(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def write_text(path: Path, text: str) -> None:
    """Write a file of UTF-8 text, see `write_bytes`."""
    write_bytes(path, text.encode())


def put_in_place(partial: Path, path: Path) -> None:
    """Rename a finished file to `path`, and flush its content and its name to the disk.

    Raises OSError if `path` is a device or a pipe.
    """
    flush(partial)
    _replace(partial, path)
    flush(path.parent)


def _replace(partial: Path, path: Path) -> None:
    if path.exists() and not (path.is_file() or path.is_dir()):
        # Renaming would remove it: /dev/null would be a file from then on, for all programs.
        raise FileExistsError(errno.EEXIST, "this is a device or a pipe", str(path))
    partial.replace(path)


def make_folder(folder: Path) -> None:
    """Create a folder and its missing parents, and flush their names to the disk."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in missing:
        flush(each.parent)


def flush(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on the disk (fsync)."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network and desktop file systems cannot flush a folder. Nothing more can be done
        # there, so this is no error.
        if not (path.is_dir() and error.errno in (errno.EINVAL, errno.ENOTSUP)):
            raise
    finally:
        os.close(descriptor)


def flush_all(folder: Path) -> None:
    """Flush a folder and everything in it."""
    for subfolder, _, names in os.walk(folder):
        for name in names:
            flush(Path(subfolder, name))
        flush(Path(subfolder))


def real_path(path: Path) -> Path:
    """The absolute path without links. For links in a circle it is one that cannot be opened.

    There `Path.resolve` raises RuntimeError before Python 3.13.
    """
    return Path(os.path.realpath(path))


def in_the_way(folder: Path) -> Path | None:
    """The file, or the link that leads to no folder, because of which `folder` cannot be made.

    None if it is a folder, or can be one.
    """
    paths = (*reversed(folder.parents), folder)
    return next((each for each in paths if os.path.lexists(each) and not each.is_dir()), None)


def spill_folder() -> Path:
    """The folder for large temporary files: `TMPDIR` if it is set, else /var/tmp if it exists."""
    if not os.environ.get("TMPDIR") and os.access(_LARGE_TEMPORARY_FILES, os.W_OK):
        return Path(_LARGE_TEMPORARY_FILES)
    return Path(tempfile.gettempdir())


@contextmanager
def written_to(path: Path) -> Iterator[None]:
    """Turn an OSError into a StorageError that names `path` and what to do."""
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        has_room = error.errno not in NO_ROOM
        remedy = "see that it may be written to" if has_room else "make room on its disk"
        named = StorageError(
            f"{path} cannot be written: {error.strerror or error}; {remedy}, then give the same "
            "command again"
        )
        named.errno = error.errno
        raise named from error


def sha256_of_file(path: Path) -> str:
    """The SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
