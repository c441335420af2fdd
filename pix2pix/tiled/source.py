"""The source image as the network's first layer reads it: converted and padded tile by tile."""

import numpy as np
import torch
from torch import Tensor

from pix2pix.data.ranges import to_network
from pix2pix.tiled.tiles import Tile


class ImageSource:
    """An image (H, W, C) of stored values, padded at the right and at the bottom.

    The padding is that of the direct computation: it reflects the image, several times if the image
    is much smaller.
    """

    def __init__(
        self,
        image: np.ndarray,
        value_range: tuple[float, float],
        *,
        size: tuple[int, int],
        device: torch.device,
    ) -> None:
        """`size` is the height and the width with the padding."""
        height, width, channels = image.shape
        self.shape = (*size, channels)
        self._image = image
        self._value_range = value_range
        self._device = device
        self._rows = _reflected_indices(height, size[0])
        self._columns = _reflected_indices(width, size[1])

    def read(self, tile: Tile) -> Tensor:
        """A tile (H, W, C) in [-1, 1], float32."""
        rows, columns = self._rows[tile.top : tile.bottom], self._columns[tile.left : tile.right]
        raw = torch.from_numpy(self._image[np.ix_(rows, columns)]).to(self._device)
        return to_network(raw[None], self._value_range)[0].permute(1, 2, 0)


def _reflected_indices(size: int, padded_size: int) -> np.ndarray:
    return np.pad(np.arange(size), (0, padded_size - size), mode="reflect")
