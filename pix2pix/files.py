"""Write files atomically and durably, and refuse to read what is not a plain file.

Atomically: a reader sees the old content or the complete new one. Durably: the file survives a
power cut once the function has returned. For this, the content is flushed before the rename, or
the file might be empty after a crash; and the folder after it, or the new name might be lost.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pix2pix.errors import StorageError, UserError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_MAX_BYTES = 1 << 32  # of a file that is read as a whole


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically and durably; missing folders are created.

    Raises StorageError naming the file if it cannot be written, for example on a full disk.
    """
    with written_to(path):
        make_folder(path.parent)
        partial = path.with_name(f".{path.name}.partial")
        try:
            partial.write_bytes(content)
            put_in_place(partial, path)
        finally:
            partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a file of UTF-8 text, see `write_bytes`."""
    write_bytes(path, text.encode())


def put_in_place(partial: Path, path: Path) -> None:
    """Rename a finished file to `path`, and flush its content and its name to the disk."""
    flush(partial)
    partial.replace(path)
    flush(path.parent)


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


def read_plain(path: Path) -> bytes:
    """Return the content of a plain file.

    Raises UserError, whose message does not name the file, as `open_plain` does, and for files of
    more than 4 GiB; OSError for folders and for files that cannot be read.
    """
    with open_plain(path) as file:
        num_bytes = os.fstat(file.fileno()).st_size
        if num_bytes > _MAX_BYTES:
            raise UserError(
                f"is too large: it has {num_bytes} bytes, and at most {_MAX_BYTES} are read; cut "
                "it into parts"
            )
        return file.read()


@contextmanager
def open_plain(path: Path) -> Iterator[BinaryIO]:
    """Open a plain file for reading.

    Raises UserError for pipes and devices, because reading them can wait for ever; its message does
    not name the file. Raises OSError for folders and for files that cannot be read.
    """
    with open(path, "rb", opener=_opened_without_waiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise UserError("is a pipe, a socket or a device, not a file; take it away")
        yield file


def _opened_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def special_files(root: Path) -> list[Path]:
    """The sorted paths below `root` that are neither files nor folders, links being followed.

    These are pipes, sockets, devices, and links that lead nowhere, in a circle, or to a folder that
    contains them.
    """
    special = []
    for folder, subfolders, names in os.walk(root):
        links = [name for name in subfolders if os.path.islink(os.path.join(folder, name))]
        special += [
            Path(folder, name) for name in names if not os.path.isfile(os.path.join(folder, name))
        ]
        special += [Path(folder, name) for name in links if _leads_up(Path(folder, name))]
    return sorted(special)


def _leads_up(link: Path) -> bool:
    return link.parent.resolve().is_relative_to(link.resolve())


def refuse_special_files(root: Path) -> None:
    """Raise UserError naming the `special_files` below `root`.

    DVC hashes every file of a dependency, and reading a pipe would block it for ever.
    """
    if special := special_files(root):
        names = ", ".join(ascii(str(path)) for path in special[:5])
        names += ", ..." if special[5:] else ""
        raise UserError(
            f"{root} holds {len(special)} thing(s) that are no files (pipes, sockets, devices, or "
            f"links that lead nowhere or in a circle): {names}; take them away"
        )


def sha256_of_file(path: Path) -> str:
    """The SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
