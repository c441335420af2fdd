"""Feature maps in temporary files, and the padded windows that convolutions read from them.

Values are stored pixel after pixel, all channels of a pixel together (H, W, C): the rows of a tile
are then contiguous in the file, and convolutions are fastest on this layout.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from pix2pix.tiled.dropout import SpilledMask
from pix2pix.tiled.spill import SpillFile
from pix2pix.tiled.tiles import Tile

_FLOAT_BYTES = 4


class Readable(Protocol):
    """What a convolution reads."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""

    def read(self, tile: Tile) -> Tensor:
        """A tile (H, W, C), float32; the caller may modify it."""


class Normalization(NamedTuple):
    """(x - mean) * factor + shift, all (C,) float32."""

    mean: Tensor
    factor: Tensor
    shift: Tensor

    def apply_(self, values: Tensor) -> None:
        """Normalise (H, W, C) in place.

        The mean is subtracted first: `x * factor + (shift - mean * factor)` would cancel.
        """
        values.sub_(self.mean).mul_(self.factor).add_(self.shift)


class FeatureMap:
    """The output of a convolution in a file; norm and dropout are applied when it is read."""

    def __init__(self, file: SpillFile, shape: tuple[int, int, int], device: torch.device) -> None:
        self.shape = shape
        self.normalization: Normalization | None = None
        self.mask: SpilledMask | None = None
        self._file = file
        self._device = device

    def write(self, tile: Tile, values: Tensor) -> None:
        """Write a tile (H, W, C), without norm and dropout."""
        rows = values.contiguous().cpu().numpy().reshape(tile.height, -1).view(np.uint8)
        self._file.write(rows, offset=self._offset(tile), stride=self._row_bytes)

    def read(self, tile: Tile) -> Tensor:
        """Read a tile (H, W, C), with norm and dropout."""
        raw = np.empty((tile.height, tile.width, self.shape[2]), np.float32)
        rows = raw.reshape(tile.height, -1).view(np.uint8)
        self._file.read(rows, offset=self._offset(tile), stride=self._row_bytes)
        values = torch.from_numpy(raw).to(self._device)
        if self.normalization is not None:
            self.normalization.apply_(values)
        if self.mask is not None:
            self.mask.apply_(values, tile)
        return values

    def close(self) -> None:
        """Remove the file."""
        self._file.close()

    @property
    def _row_bytes(self) -> int:
        return self.shape[1] * self.shape[2] * _FLOAT_BYTES

    def _offset(self, tile: Tile) -> int:
        return tile.top * self._row_bytes + tile.left * self.shape[2] * _FLOAT_BYTES


def padded_window(inputs: Sequence[Readable], window: Tile) -> Tensor:
    """The channels of all inputs in a window, (1, C, H, W), with zeros outside of the maps."""
    height, width, _ = inputs[0].shape
    inside = window.clipped(height, width)
    rows = slice(inside.top - window.top, inside.bottom - window.top)
    columns = slice(inside.left - window.left, inside.right - window.left)
    parts = [each.read(inside) for each in inputs]
    num_channels = sum(each.shape[2] for each in inputs)
    padded = parts[0].new_zeros((1, window.height, window.width, num_channels))
    torch.cat(parts, dim=2, out=padded[0, rows, columns])
    return padded.permute(0, 3, 1, 2)
