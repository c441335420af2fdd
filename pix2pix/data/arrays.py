"""Write arrays as .npy files row by row, and open them as read-only memory maps.

Writing row by row keeps the memory small. The rows are written with plain file writes and not
through a memory map: on a full disk, a write to a sparse memory map kills the process (SIGBUS)
instead of raising an OSError.
"""

import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pix2pix.data.flat_images import FlatLayout
from pix2pix.errors import UserError

_AGAIN = "run `dvc repro --force prepare`, or `dvc pull`"


class Layout(NamedTuple):
    """The shape and dtype of the array in a file."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def num_rows(self) -> int:
        """The length of the first axis."""
        return self.shape[0]

    def row_shape(self, _row: int) -> tuple[int, ...]:
        """The shape of a row, the same for all."""
        return self.shape[1:]

    @property
    def num_bytes(self) -> int:
        """The bytes of the values, without the file's header."""
        return int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize


def write_arrays(
    layouts: Sequence[tuple[Path, Layout | FlatLayout]], rows: Iterable[Sequence[np.ndarray]]
) -> None:
    """Write new files, one per layout; each item of `rows` holds the next row of every file.

    Raises OSError if the disk is full, UserError if a row does not fit its layout, which means that
    an image file was changed after the checks.
    """
    with ExitStack() as stack:
        files = [stack.enter_context(path.open("xb")) for path, _ in layouts]
        for file, (_, layout) in zip(files, layouts, strict=True):
            descr = np.dtype(layout.dtype).str
            header = {"descr": descr, "fortran_order": False, "shape": layout.shape}
            np.lib.format.write_array_header_1_0(file, header)
        num_rows = 0
        for row in rows:
            for file, (path, layout), values in zip(files, layouts, row, strict=True):
                expected = layout.row_shape(num_rows)
                if (values.shape, values.dtype.name) != (expected, layout.dtype):
                    raise UserError(
                        f"{path.stem} row {num_rows} is {values.shape} {values.dtype}, not "
                        f"{expected} {layout.dtype}: an image file changed during the run; "
                        "run again"
                    )
                file.write(np.ascontiguousarray(values).data)
            num_rows += 1
        assert all(layout.num_rows == num_rows for _, layout in layouts)
        for file in files:
            file.flush()
            os.fsync(file.fileno())  # some file systems report a full disk only now


def open_array(path: Path, layout: Layout) -> np.ndarray:
    """Open an array as a read-only memory map.

    Raises UserError, with the command that makes the file, if it is missing, damaged or of another
    layout.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing; run `dvc repro prepare` or `dvc pull`")
    try:
        array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise UserError(f"{path} is damaged ({error}); {_AGAIN}") from None
    stored = Layout(array.shape, array.dtype.name)
    if stored != layout:
        raise UserError(f"{path} holds {stored}, its manifest says {layout}; {_AGAIN}")
    return array
