"""Arrays as .npy files: written row by row, in bounded memory, and mapped for reading.

Rows are appended with plain writes: into a sparse memory map of a full disk, a write ends the
process (SIGBUS) instead of raising an OSError.
"""

import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pix2pix.errors import UserError

_AGAIN = "run `dvc repro --force prepare`, or `dvc pull`"


class Layout(NamedTuple):
    """What an array file holds."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def num_bytes(self) -> int:
        """Size of the values, without the header."""
        return int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize


def write_arrays(
    layouts: Sequence[tuple[Path, Layout]], rows: Iterable[Sequence[np.ndarray]]
) -> None:
    """Write new files, one per layout; each of `rows` holds the next row of every file.

    Raises OSError if the disk is full, ValueError if a row is not of its layout, which means that
    the pictures were changed since they were checked.
    """
    with ExitStack() as stack:
        files = [stack.enter_context(path.open("xb")) for path, _ in layouts]
        for file, (_, (shape, dtype)) in zip(files, layouts, strict=True):
            header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
        num_rows = 0
        for row in rows:
            for file, (path, layout), values in zip(files, layouts, row, strict=True):
                if (values.shape, values.dtype.name) != (layout.shape[1:], layout.dtype):
                    raise UserError(
                        f"{path.stem} row {num_rows} is {values.shape} {values.dtype}, not "
                        f"{layout.shape[1:]} {layout.dtype}: the data changed meanwhile; run again"
                    )
                file.write(np.ascontiguousarray(values).data)
            num_rows += 1
        assert all(layout.shape[0] == num_rows for _, layout in layouts)
        for file in files:
            file.flush()
            os.fsync(file.fileno())  # some file systems report a full disk only now


def open_array(path: Path, layout: Layout) -> np.ndarray:
    """Map an array, read-only.

    Raises UserError with the command that makes it, ValueError if it is cut short or of
    another layout.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing; run `dvc repro prepare` or `dvc pull`")
    try:
        array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise UserError(f"{path} is damaged ({error}); {_AGAIN}") from None
    found = Layout(array.shape, array.dtype.name)
    if found != layout:
        raise UserError(f"{path} holds {found}, its manifest says {layout}; {_AGAIN}")
    return array
