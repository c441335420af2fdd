"""Temporary files for what does not fit into memory.

Files are read and written by offset and are not mapped: pages of a mapped file count as memory of
the process, and a full disk would end the process instead of raising an error.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np

from pix2pix.errors import UserError
from pix2pix.files import written_to
from pix2pix.memory import bytes_text


def check_room(folder: Path, needed_bytes: int) -> None:
    """Raise UserError if the disk of `folder` has not enough room for temporary files."""
    free = shutil.disk_usage(folder).free
    if needed_bytes > free:
        raise UserError(
            f"its translation needs {bytes_text(needed_bytes)} of temporary files and {folder} has "
            f"room for {bytes_text(free)}; make room on its disk, or set TMPDIR to a folder on "
            "another disk"
        )


class SpillFile:
    """A file without a name, which the system removes when it is closed or the process ends."""

    def __init__(self, folder: Path) -> None:
        """Create the file. Raises StorageError naming the folder if that is impossible."""
        self._folder = folder
        with written_to(folder):
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the file; closing twice does no harm."""
        self._file.close()

    def write(self, rows: np.ndarray, *, offset: int, stride: int) -> None:
        """Write each of the rows, (N, bytes) uint8, `stride` bytes behind the one before it.

        Raises StorageError naming the folder, for example if the disk is full.
        """
        with written_to(self._folder):
            for block, start in _blocks(rows, offset, stride):
                self._write_all(block, start)

    def read(self, rows: np.ndarray, *, offset: int, stride: int) -> None:
        """Fill (N, bytes) uint8 with what `write` has written there."""
        for block, start in _blocks(rows, offset, stride):
            self._read_all(block, start)

    def _write_all(self, block: memoryview, offset: int) -> None:
        while block:  # the system may write less than it is given
            written = os.pwrite(self._file.fileno(), block, offset)
            block, offset = block[written:], offset + written

    def _read_all(self, block: memoryview, offset: int) -> None:
        while block:
            num_read = os.preadv(self._file.fileno(), [block], offset)
            assert num_read, "only what was written is read"
            block, offset = block[num_read:], offset + num_read


def _blocks(rows: np.ndarray, offset: int, stride: int) -> Iterator[tuple[memoryview, int]]:
    """The parts that are contiguous in the file, with their offsets."""
    if rows.shape[1] == stride:
        rows = rows.reshape(1, -1)
    for number, row in enumerate(rows):
        yield memoryview(row), offset + number * stride
