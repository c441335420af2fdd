"""Images of unlike sizes in one flat array, (H, W, C) each, one after the other.

`shapes` (N, 2) holds the height and width of each. So an image is found without decoding anything
and without reading the others.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False)
class FlatLayout:
    """The layout of a flat array: heights and widths (N, 2), the channels, and the dtype."""

    shapes: np.ndarray
    channels: int
    dtype: str

    def images(self, values: np.ndarray) -> "FlatImages":
        """The images of the flat array."""
        return FlatImages(values, self)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array in the file."""
        return (int(self._ends[-1]),)

    @property
    def num_bytes(self) -> int:
        """The bytes of the values, without the file's header."""
        return self.shape[0] * np.dtype(self.dtype).itemsize

    def row_shape(self, row: int) -> tuple[int, ...]:
        """The shape of an image."""
        height, width = self.shapes[row].tolist()
        return (height, width, self.channels)

    def offset(self, row: int) -> int:
        """How many values are before those of an image."""
        return int(self._ends[row])

    @cached_property
    def _ends(self) -> np.ndarray:
        """Where each image begins in the flat array, and at last where the array ends: (N + 1,)."""
        sizes = self.shapes.astype(np.int64).prod(axis=1) * self.channels
        return np.concatenate([[0], sizes.cumsum()])


class FlatImages:
    """Read-only images of unlike sizes; item i is (H, W, C), a view of the flat array."""

    def __init__(self, values: np.ndarray, layout: FlatLayout) -> None:
        self._values = values
        self._layout = layout

    def __len__(self) -> int:
        return len(self._layout.shapes)

    def __getitem__(self, position: int) -> np.ndarray:
        if not 0 <= position < len(self):
            raise IndexError(f"no image {position} among {len(self)}")
        part = self._values[self._layout.offset(position) : self._layout.offset(position + 1)]
        return part.reshape(self._layout.row_shape(position))
