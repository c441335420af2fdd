"""Files that readers see either as they were or complete, and that outlive a power cut.

A rename without a flush before it may leave an empty file after a crash, and one without a flush of
its folder may be forgotten. Whoever removes what a file was made of relies on the file being there.
"""

import errno
import os
from pathlib import Path


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, making its folder. Raises OSError, as on a full disk.

    It is on the disk when this returns.
    """
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
