"""Resize images to the size that the networks receive, and results back to the original size.

Preparation, scoring and translation all use these functions, so that a model always receives images
at the scale that it was trained at. The only rule is `stretch`: every image, of any shape, is
stretched to a square.
"""

from typing import Protocol

import numpy as np

from pix2pix.config import AnyKernel
from pix2pix.images.image import resize


class Resized(Protocol):
    """The settings of a side that resizing its images needs."""

    @property
    def kernel(self) -> AnyKernel:
        """The resampling filter; "nearest" for labels, which must not be mixed."""

    @property
    def alpha(self) -> bool:
        """Whether the last channel is opacity, which then weights the colours."""


def to_square(image: np.ndarray, side: Resized, size_px: int) -> np.ndarray:
    """Stretch an image (H, W, C) from `conform` to (size_px, size_px, C)."""
    return resize(image, size_px, size_px, kernel=side.kernel, alpha=side.alpha)


def from_square(image: np.ndarray, side: Resized, height: int, width: int) -> np.ndarray:
    """Stretch a generated square (S, S, C) to (height, width, C), the size of its source image.

    Where `to_square` uses "area", this uses "bilinear": enlarging with "area" would give blocks.
    """
    kernel = "bilinear" if side.kernel == "area" else side.kernel
    return resize(image, height, width, kernel=kernel, alpha=side.alpha)
