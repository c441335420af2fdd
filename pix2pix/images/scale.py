"""Resize images to the size that the networks receive, and results back to the original size.

Preparation, scoring and translation all use these functions, so that a model always receives images
at the scale that it was trained at. The rule `stretch` brings images of any shape to one size.
"""

from typing import Protocol

from pix2pix.config import AnyKernel, Scale
from pix2pix.images.resize import resize
from pix2pix.images.validity import Masked, divided, joined


class Resized(Protocol):
    """The settings of a side that resizing its images needs."""

    @property
    def kernel(self) -> AnyKernel:
        """The resampling filter; "nearest" for labels, which must not be mixed."""

    @property
    def alpha(self) -> bool:
        """Whether the last channel is opacity, which then weights the colours."""


def to_scale(image: Masked, side: Resized, scale: Scale) -> Masked:
    """Resize an image (H, W, C) from `conform_masked` to the size that the networks receive."""
    return to_size(image, side, *scale.size_of(*image.pixels.shape[:2]))


def to_size(image: Masked, side: Resized, height: int, width: int) -> Masked:
    """Resize an image (H, W, C) from `conform_masked` with its side's kernel, see `resized`."""
    return resized(image, height, width, kernel=side.kernel, alpha=side.alpha)


def from_scale(image: Masked, side: Resized, height: int, width: int) -> Masked:
    """Resize a generated image (H, W, C) to (height, width, C), the size of its result.

    Where `to_scale` uses "area", this uses "bilinear": enlarging with "area" would give blocks.
    """
    kernel = "bilinear" if side.kernel == "area" else side.kernel
    return resized(image, height, width, kernel=kernel, alpha=side.alpha)


def resized(
    image: Masked, height: int, width: int, *, kernel: AnyKernel, alpha: bool = False
) -> Masked:
    """Resize (H, W, C) to (height, width, C), see `resize`; averages are those of valid pixels.

    A pixel of the result is valid if at least half of its weight comes from valid pixels; the
    others hold any value.
    """
    if image.valid is None:
        return Masked(resize(image.pixels, height, width, kernel=kernel, alpha=alpha))
    # Validity is the last channel and weights the others as opacity does.
    return divided(resize(joined(image), height, width, kernel=kernel, alpha=True))
