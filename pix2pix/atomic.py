"""Create or replace a folder atomically: readers see all of its files or none."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pix2pix.files import flush, real_path


@contextmanager
def new_directory(directory: Path) -> Iterator[Path]:
    """Yield an empty folder beside `directory`, and rename it to `directory` at the end.

    After an exception `directory` is unchanged and the new folder is removed. The next call removes
    what a killed process left behind. If `directory` is a link, for example to a larger disk, the
    folder that it leads to is created or replaced, and the link stays.
    """
    directory = real_path(directory)
    partial = directory.with_name(f".{directory.name}.partial")
    _remove(partial)
    partial.mkdir(parents=True)
    try:
        yield partial
        _put_in_place(partial, directory)
    finally:
        _remove(partial)


def _put_in_place(partial: Path, directory: Path) -> None:
    """Rename `partial` to `directory`, replacing a folder that is already there.

    A folder cannot be renamed onto one that holds files, so the old folder is renamed first. It is
    removed only after the new name is flushed to the disk.
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
    if directory.is_symlink():
        directory.unlink()
    elif directory.exists():
        shutil.rmtree(directory)
