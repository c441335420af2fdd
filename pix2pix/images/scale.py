"""Resize images to the size that the networks receive, and results back to the original size.

Preparation, scoring and translation all use these functions, so that a model always receives images
at the scale that it was trained at. The rule `stretch` brings images of any shape to one size.
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


def to_size(image: np.ndarray, side: Resized, height: int, width: int) -> np.ndarray:
    """Resize an image (H, W, C) from `conform` to (height, width, C) with its side's kernel.

    The size that the networks receive is `Scale.size_of` the image.
    """
    return resize(image, height, width, kernel=side.kernel, alpha=side.alpha)


def from_scale(image: np.ndarray, side: Resized, height: int, width: int) -> np.ndarray:
    """Resize a generated image (H, W, C) to (height, width, C), the size of its result.

    Where `to_size` uses "area", this uses "bilinear": enlarging with "area" would give blocks.
    """
    kernel = "bilinear" if side.kernel == "area" else side.kernel
    return resize(image, height, width, kernel=kernel, alpha=side.alpha)
