"""How large the networks see an image, and back: the same for preparing, scoring and translating.

`stretch`, the one rule there is: every image, of whatever shape, is stretched to a square, because
the pairs of a training were. A model knows no other scale than the one it was trained at.
"""

from typing import Protocol

import numpy as np

from pix2pix.config import AnyKernel
from pix2pix.images.image import resize


class Resized(Protocol):
    """What must be known of a side to resize its images."""

    @property
    def kernel(self) -> AnyKernel:
        """The filter: nearest for labels, which are never mixed."""

    @property
    def alpha(self) -> bool:
        """Whether the last channel is opacity, by which colours are weighed."""


def to_square(image: np.ndarray, side: Resized, size_px: int) -> np.ndarray:
    """(H, W, C) as `conform` gives it -> (size_px, size_px, C) as it is stored and trained on."""
    return resize(image, size_px, size_px, kernel=side.kernel, alpha=side.alpha)


def from_square(image: np.ndarray, side: Resized, height: int, width: int) -> np.ndarray:
    """A square (S, S, C) that a network drew -> (height, width, C), the size of its source file.

    Where `to_square` averages areas, this interpolates: enlarged by areas, it would be of blocks.
    """
    kernel = "bilinear" if side.kernel == "area" else side.kernel
    return resize(image, height, width, kernel=kernel, alpha=side.alpha)
