"""Estimate the memory that is needed around the network while an image is translated."""

from collections.abc import Sequence
from math import prod

import numpy as np

from pix2pix.images.validity import Masked
from pix2pix.model_card import ModelCard

_FLOAT_COPIES = 3  # of an image while it is resized
_RESULT_COPIES = 3  # while it is written as a file
_FILLED_COPIES = 2  # of an image whose pixels without a value are filled


def conversion_bytes(
    card: ModelCard,
    images: Sequence[Masked],
    inner_size: tuple[int, int],
    result_size: tuple[int, int],
) -> int:
    """Estimate what the conversions of the images of all sources and of their result need.

    `inner_size` is the size (H, W) at which the network receives the images.
    """
    inner, result, target = prod(inner_size), prod(result_size), card.target
    needed = _RESULT_COPIES * np.dtype(target.dtype).itemsize * target.channels * result
    source = card.source
    channels = target.channels
    if source.is_masked:  # colours times validity, validity, and the colours again
        pixels = prod(images[0].pixels.shape)
        needed += _FILLED_COPIES * np.dtype(source.dtype).itemsize * pixels
        channels = 2 * target.channels + 1
    for image, side in zip(images, card.sources.values(), strict=True):
        height, width, in_channels = image.pixels.shape
        if inner_size != (height, width):
            floats = 2 * in_channels + 1 if side.is_masked else in_channels
            needed += 4 * _FLOAT_COPIES * floats * max(height * width, inner)
    if inner_size != result_size:
        needed += 4 * _FLOAT_COPIES * channels * max(inner, result)
    return needed
