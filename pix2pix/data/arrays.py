"""Write arrays as .npy files row by row, and open them as read-only memory maps.

Writing row by row keeps the memory small, and several threads or processes can do it. The rows are
written with plain file writes and not through a memory map: on a full disk, a write to a sparse
memory map kills the process (SIGBUS) instead of raising an OSError.
"""

import math
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import IO, NamedTuple, Self, TypeAlias

import numpy as np

from pix2pix.data.flat_images import FlatLayout
from pix2pix.errors import UserError

_AGAIN = "run `dvc repro -f -s prepare`, or `dvc pull`"
_FLUSHED_BYTES = 2**27  # written between two flushes


class Layout(NamedTuple):
    """The shape and dtype of the array in a file."""

    shape: tuple[int, ...]
    dtype: str

    def images(self, values: np.ndarray) -> np.ndarray:
        """The images of the array, which are its rows."""
        return values

    def row_shape(self, _row: int) -> tuple[int, ...]:
        """The shape of a row, the same for all."""
        return self.shape[1:]

    def offset(self, row: int) -> int:
        """How many values are before those of a row."""
        return row * math.prod(self.shape[1:])

    @property
    def num_bytes(self) -> int:
        """The bytes of the values, without the file's header."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


Files: TypeAlias = Sequence[tuple[Path, Layout | FlatLayout]]


def create_arrays(files: Files) -> None:
    """Create files of the sizes of their layouts, whose rows `ArrayFiles` is to write."""
    for path, layout in files:
        descr = np.dtype(layout.dtype).str
        header = {"descr": descr, "fortran_order": False, "shape": layout.shape}
        with path.open("xb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            file.truncate(file.tell() + layout.num_bytes)


class ArrayFiles:
    """Files of `create_arrays` whose rows are written, in any order.

    Threads may share it. Another process gets a copy, which has the files open as well.
    """

    def __init__(self, files: Files) -> None:
        """Open the files."""
        self._files = files
        self._descriptors = [os.open(path, os.O_RDWR) for path, _ in files]
        # The values lie at the end of a file, after the header.
        self._starts = [
            os.fstat(descriptor).st_size - layout.num_bytes
            for descriptor, (_, layout) in zip(self._descriptors, files, strict=True)
        ]

    def __reduce__(self) -> tuple[type["ArrayFiles"], tuple[Files]]:
        return ArrayFiles, (self._files,)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in self._descriptors:
            os.close(descriptor)

    def write_row(self, row: int, arrays: Sequence[np.ndarray]) -> int:
        """Write one row of each file and return the number of bytes.

        Each array has the `row_shape` and the dtype of its layout. Raises OSError if the disk is
        full, UserError if a row does not fit its layout, which means that an image file was changed
        after the checks.
        """
        places = zip(self._files, self._descriptors, self._starts, arrays, strict=True)
        for (path, layout), descriptor, start, values in places:
            expected = layout.row_shape(row)
            if values.shape != expected or values.dtype != layout.dtype:
                raise UserError(
                    f"{path.stem} row {row} is {values.shape} {values.dtype}, not {expected} "
                    f"{layout.dtype}: an image file changed during the run; run again"
                )
            _write_at(descriptor, values, start + layout.offset(row) * values.itemsize)
        return sum(values.nbytes for values in arrays)


def _write_at(descriptor: int, values: np.ndarray, position: int) -> None:
    left = np.ascontiguousarray(values).data.cast("B")
    while left:
        num_bytes = os.pwrite(descriptor, left, position)
        left, position = left[num_bytes:], position + num_bytes


class EarlyFlushes:
    """Flushes files in a thread while rows are written, so that the flush at the end is short.

    Leaving the block flushes what is left. Raises OSError if the disk is full.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._flush: Future[None] | None = None
        self._num_bytes = 0  # written since the last flush began
        self._stack = ExitStack()
        # Linux reports a write error only to descriptors that were open before it happened.
        self._files = [self._stack.enter_context(path.open("rb")) for path in paths]

    def __enter__(self) -> Self:
        return self

    def count(self, num_bytes: int) -> None:
        """Note that so many bytes were written, and begin a flush if they are many."""
        self._num_bytes += num_bytes
        if self._num_bytes < _FLUSHED_BYTES:
            return
        if self._flush is not None:
            if not self._flush.done():
                return
            self._flush.result()  # Linux reports a full disk once, to this flush and no later one
        self._flush, self._num_bytes = self._pool.submit(_flush, self._files), 0

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._pool.shutdown()
        with self._stack:
            if kind is None:
                if self._flush is not None:
                    self._flush.result()
                _flush(self._files)


def _flush(files: Iterable[IO[bytes]]) -> None:
    """Wait until the disk has the rows. Some file systems report a full disk only then."""
    for file in files:
        os.fsync(file.fileno())


def open_array(path: Path, layout: Layout | FlatLayout) -> np.ndarray:
    """Open an array, of the shape and the dtype of `layout`, as a read-only memory map.

    Raises UserError, with the command that makes the file, if it is missing, damaged or of another
    layout.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing; run `dvc repro prepare` or `dvc pull`")
    try:
        array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise UserError(f"{path} is damaged ({error}); {_AGAIN}") from None
    stored, expected = Layout(array.shape, array.dtype.name), Layout(layout.shape, layout.dtype)
    if stored != expected:
        raise UserError(f"{path} holds {stored}, its manifest says {expected}; {_AGAIN}")
    return array
