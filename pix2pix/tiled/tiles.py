"""Rectangles of an image or a feature map, and which input a convolution's tile needs.

Both convolutions of the U-Net have a kernel of 4x4, stride 2 and padding 1. A layer is divided into
tiles of its coarser map: the output of a convolution down, the input of a convolution up.
"""

from collections.abc import Iterator
from typing import NamedTuple, Self


class Tile(NamedTuple):
    """A rectangle of pixels; `bottom` and `right` are the first row and column behind it."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def height(self) -> int:
        """The number of rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """The number of columns."""
        return self.right - self.left

    def doubled(self) -> Self:
        """The same rectangle of the map that is twice as fine."""
        return self._replace(
            top=2 * self.top, bottom=2 * self.bottom, left=2 * self.left, right=2 * self.right
        )

    def widened(self) -> Self:
        """The rectangle with one more pixel on each side; it may exceed the map."""
        return self._replace(
            top=self.top - 1, bottom=self.bottom + 1, left=self.left - 1, right=self.right + 1
        )

    def clipped(self, height: int, width: int) -> Self:
        """The part of the rectangle that lies in a map of this size."""
        return self._replace(
            top=max(0, self.top),
            bottom=min(height, self.bottom),
            left=max(0, self.left),
            right=min(width, self.right),
        )


def tiles(height: int, width: int, shape: tuple[int, int]) -> Iterator[Tile]:
    """Divide a map into tiles of at most `shape` (rows, columns), row by row."""
    rows, columns = shape
    for top in range(0, height, rows):
        for left in range(0, width, columns):
            yield Tile(top, min(top + rows, height), left, min(left + columns, width))


def needed_to_halve(tile: Tile) -> Tile:
    """The input pixels for the output `tile` of a convolution down.

    Output row i is computed from the input rows 2i - 1 to 2i + 2.
    """
    return tile.doubled().widened()


def needed_to_double(tile: Tile) -> Tile:
    """The input pixels for the output `tile.doubled()` of a transposed convolution.

    Output rows 2i and 2i + 1 are computed from the input rows i - 1 to i + 1.
    """
    return tile.widened()
