"""Pickle memory maps as the path and the layout of their file: by value, all would be copied."""

import mmap
from typing import Any, NamedTuple

import numpy as np


class _MapOnDisk(NamedTuple):
    """The file and layout of a memory map."""

    path: str
    dtype: np.dtype[Any]
    offset: int
    shape: tuple[int, ...]


def detached(array: Any) -> Any:
    """What to pickle in place of an array: the place of a memory map on the disk."""
    # A view of a map has the file name and offset of the whole map, which do not describe the view.
    # So only whole maps are replaced; plain arrays and views are pickled by value.
    if isinstance(array, np.memmap) and isinstance(array.base, mmap.mmap) and array.filename:
        return _MapOnDisk(str(array.filename), array.dtype, array.offset, array.shape)
    return array


def attached(array: Any) -> Any:
    """The inverse of `detached`."""
    if isinstance(array, _MapOnDisk):
        return np.memmap(
            array.path, dtype=array.dtype, mode="r", offset=array.offset, shape=array.shape
        )
    return array
