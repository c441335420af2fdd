"""Files that readers see either as they were or complete, that outlive a power cut, and that are
what they seem.

A rename without a flush before it may leave an empty file after a crash, and one without a flush of
its folder may be forgotten. Whoever removes what a file was made of relies on the file being there.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pix2pix.errors import StorageError, UserError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, making its folder; it is on the disk when this returns.

    Raises StorageError naming the file, as on a full disk.
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
    """Write UTF-8 text whole or not at all; it is on the disk when this returns."""
    write_bytes(path, text.encode())


def put_in_place(partial: Path, path: Path) -> None:
    """Rename a finished file to `path`; its content and its name are on the disk then."""
    flush(partial)
    partial.replace(path)
    flush(path.parent)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it where they are missing; they are on the disk then."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in missing:
        flush(each.parent)


def flush(path: Path) -> None:
    """Have the system write a file, or the list of names of a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some file systems of networks and desktops cannot flush a folder: they keep its names
        # safe, or do not, by themselves.
        if not (path.is_dir() and error.errno in (errno.EINVAL, errno.ENOTSUP)):
            raise
    finally:
        os.close(descriptor)


def flush_all(folder: Path) -> None:
    """Flush a folder and everything in it."""
    for place, _, names in os.walk(folder):
        for name in names:
            flush(Path(place, name))
        flush(Path(place))


@contextmanager
def written_to(path: Path) -> Iterator[None]:
    """Turn what the disk refuses into a StorageError that names `path` and what to do."""
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


def read_plain(path: Path, *, max_bytes: int = 1 << 32) -> bytes:
    """The content of a plain file.

    A pipe would keep us waiting, a device would never end. Raises UserError, without the name,
    for those, for folders and for more than `max_bytes`; OSError if it cannot be read.
    """
    with open(path, "rb", opener=_opened_without_waiting) as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise UserError("is a pipe, a socket or a device, not a file; take it away")
        if found.st_size > max_bytes:
            raise UserError(f"has {found.st_size} bytes, more than {max_bytes}; take it away")
        return file.read()


def _opened_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def special_files(root: Path) -> list[Path]:
    """What lies below `root` and is neither a file nor a folder, links followed; sorted.

    Pipes, sockets, devices, and links that lead nowhere, in a circle, or back to a folder above.
    """
    found = []
    for place, folders, names in os.walk(root):
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        found += [
            Path(place, name) for name in names if not os.path.isfile(os.path.join(place, name))
        ]
        found += [Path(place, name) for name in links if _leads_up(Path(place, name))]
    return sorted(found)


def _leads_up(link: Path) -> bool:
    return link.parent.resolve().is_relative_to(link.resolve())


def refuse_special_files(root: Path) -> None:
    """Raise UserError naming what is neither file nor folder below `root`.

    DVC, which watches such a folder, would wait for a pipe for ever.
    """
    if found := special_files(root):
        names = ", ".join(ascii(str(path)) for path in found[:5]) + (", ..." if found[5:] else "")
        raise UserError(
            f"{root} holds {len(found)} thing(s) that are no files (pipes, sockets, devices, or "
            f"links that lead nowhere or in a circle): {names}; take them away"
        )
