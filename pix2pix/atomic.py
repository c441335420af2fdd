"""Folders that appear, or are replaced, as a whole."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pix2pix.files import flush


@contextmanager
def new_directory(directory: Path) -> Iterator[Path]:
    """Hand out an empty folder beside `directory`, and put it in its place at the end.

    After an exception `directory` is as it was, and the new folder is gone. What a killed run left
    is removed by the next one.
    """
    partial = directory.with_name(f".{directory.name}.partial")
    _remove(partial)
    partial.mkdir(parents=True)
    try:
        yield partial
        _put_in_place(partial, directory)
    finally:
        _remove(partial)


def _put_in_place(partial: Path, directory: Path) -> None:
    """Rename `partial` to `directory`; a folder cannot be renamed onto one that holds files.

    What it replaces is removed when the new name is on the disk.
    """
    replaced = directory.with_name(f".{directory.name}.replaced")
    _remove(replaced)
    if directory.exists():
        directory.rename(replaced)
    try:
        partial.rename(directory)
    except OSError:
        if replaced.exists():
            replaced.rename(directory)
        raise
    flush(directory.parent)
    _remove(replaced)


def _remove(directory: Path) -> None:
    if directory.exists():
        shutil.rmtree(directory)
