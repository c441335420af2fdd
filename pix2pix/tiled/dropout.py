"""Dropout masks in temporary files: the masks that the direct computation draws."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pix2pix.models.inference_network import drawn_parts
from pix2pix.tiled.spill import SpillFile
from pix2pix.tiled.tiles import Tile


class SpilledMask:
    """Which values of a feature map are kept: (C, H, W), one byte each."""

    def __init__(self, file: SpillFile, shape: tuple[int, int, int], rate: float) -> None:
        self._file = file
        self._shape = shape
        self._factor = 1.0 / (1.0 - rate)  # for the values that are kept

    def apply_(self, values: Tensor, tile: Tile) -> None:
        """Multiply a tile (H, W, C) of the feature map by its factors, in place."""
        channels, height, width = self._shape
        kept = np.empty((channels, tile.height, tile.width), np.uint8)
        for channel, rows in enumerate(kept):
            first_row = channel * height + tile.top
            self._file.read(rows, offset=first_row * width + tile.left, stride=width)
        values.mul_(torch.from_numpy(kept).permute(1, 2, 0).to(values.device)).mul_(self._factor)


def spilled_masks(
    folder: Path,
    shapes: Mapping[int, tuple[int, int, int]],
    *,
    seed: int,
    rate: float,
    files: ExitStack,
) -> dict[int, SpilledMask]:
    """Draw the masks of `InferenceNetwork.mask_shapes`, by level; `files` closes their files."""
    random = torch.Generator().manual_seed(seed)
    masks = {}
    for level, shape in shapes.items():
        file = files.enter_context(SpillFile(folder))
        offset = 0
        for part in drawn_parts(shape, rate=rate, random=random):
            file.write(part.to(torch.uint8).numpy()[None], offset=offset, stride=len(part))
            offset += len(part)
        masks[level] = SpilledMask(file, shape, rate)
    return masks
