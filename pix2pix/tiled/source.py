"""The source image as the network's first layer reads it: converted and padded tile by tile."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pix2pix.data.manifest import SideRecord
from pix2pix.data.sources import join_sources
from pix2pix.tiled.tiles import Tile


class ImageSource:
    """An image of stored values, of one or several sources, padded at the right and at the bottom.

    The padding is that of the direct computation: it reflects the image, several times if the image
    is much smaller.
    """

    def __init__(
        self,
        images: Sequence[np.ndarray],
        sides: Sequence[SideRecord],
        *,
        size: tuple[int, int],
        device: torch.device,
    ) -> None:
        """`images` are (H, W, C_i), one per source; `size` is the height and width with padding."""
        height, width = images[0].shape[:2]
        self.shape = (*size, sum(side.network_channels for side in sides))
        self._images = images
        self._sides = sides
        self._device = device
        self._rows = _reflected_indices(height, size[0])
        self._columns = _reflected_indices(width, size[1])

    def read(self, tile: Tile) -> Tensor:
        """A tile (H, W, C) as the network receives it, float32."""
        rows, columns = self._rows[tile.top : tile.bottom], self._columns[tile.left : tile.right]
        raws = [
            torch.from_numpy(image[np.ix_(rows, columns)])[None].to(self._device)
            for image in self._images
        ]
        return join_sources(raws, self._sides)[0].permute(1, 2, 0)


class PaddedSource:
    """An image (C, H, W) as the network receives it, which is padded already."""

    def __init__(self, image: Tensor) -> None:
        channels, *size = image.shape
        self.shape = (size[0], size[1], channels)
        self._pixels = image.permute(1, 2, 0)

    def read(self, tile: Tile) -> Tensor:
        """A tile (H, W, C), float32."""
        return self._pixels[tile.top : tile.bottom, tile.left : tile.right].clone()


def _reflected_indices(size: int, padded_size: int) -> np.ndarray:
    return np.pad(np.arange(size), (0, padded_size - size), mode="reflect")
