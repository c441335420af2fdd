"""Resize images (H, W, C) of uint8, uint16 or float32."""

from typing import assert_never

import cv2
import numpy as np
from PIL import Image

from pix2pix.config import AnyKernel, Kernel
from pix2pix.images.alpha import weighted_by_alpha
from pix2pix.images.rounding import rounded_to

_CV_CHANNELS = 4  # the most channels that cv2.resize can average in one call


def resize(
    image: np.ndarray, height: int, width: int, *, kernel: AnyKernel, alpha: bool = False
) -> np.ndarray:
    """Resize (H, W, C) to (height, width, C) of the same dtype.

    "nearest" copies the pixel under the centre of each new pixel. "area" averages the pixels that
    each new pixel covers, both when shrinking and when enlarging. "bilinear" and "bicubic" are
    antialiased: their kernels are widened when shrinking. With `alpha` the last channel is opacity
    and weights the colours, so that transparent pixels do not colour visible ones.
    """
    if image.shape[:2] == (height, width):
        return image
    if kernel == "nearest":
        rows, columns = _centres(image.shape[0], height), _centres(image.shape[1], width)
        return image.take(rows, axis=0).take(columns, axis=1)
    if alpha:
        filtered = weighted_by_alpha(image, lambda values: _filter(values, height, width, kernel))
    else:
        filtered = _filter(image, height, width, kernel)
    if image.dtype.kind == "f":  # bicubic overshoots, and rounding errors can leave the range
        filtered = filtered.clip(image.min(), image.max())
    return rounded_to(image.dtype, filtered)


def area_averages(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize (H, W, C) of any dtype as `resize` does floats with "area", to float32.

    Nothing is rounded to integers, and no float copy of the image is searched for its range.
    """
    return _resize_area(image, height, width).clip(image.min(), image.max())


def _filter(image: np.ndarray, height: int, width: int, kernel: Kernel) -> np.ndarray:
    """Resize (H, W, C) of any dtype to (height, width, C) float32."""
    match kernel:
        case "area":
            return _resize_area(image, height, width)
        case "bilinear":
            return _resize_pillow(image, height, width, Image.Resampling.BILINEAR)
        case "bicubic":
            return _resize_pillow(image, height, width, Image.Resampling.BICUBIC)
        case _:
            assert_never(kernel)


def _centres(old: int, new: int) -> np.ndarray:
    """The old index under the centre of each new pixel, (new,)."""
    return (2 * np.arange(new) + 1) * old // (2 * new)


def _resize_area(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Average boxes of pixels in float32, one axis at a time.

    In a single call that shrinks one axis and enlarges the other, OpenCV would drop pixels instead
    of averaging them.
    """
    parts = []
    for first in range(0, image.shape[2], _CV_CHANNELS):
        part = image[..., first : first + _CV_CHANNELS].astype(np.float32)
        wide = cv2.resize(part, (width, image.shape[0]), interpolation=cv2.INTER_AREA)
        both = cv2.resize(wide, (width, height), interpolation=cv2.INTER_AREA)
        parts.append(both.reshape(height, width, -1))  # OpenCV drops a single channel's axis
    return np.concatenate(parts, axis=2)


def _resize_pillow(
    image: np.ndarray, height: int, width: int, resample: Image.Resampling
) -> np.ndarray:
    """Resize each channel as float32; Pillow itself resizes no 16-bit or many-channel images."""
    channels = [
        Image.fromarray(image[..., index].astype(np.float32)).resize((width, height), resample)
        for index in range(image.shape[2])
    ]
    return np.stack([np.asarray(channel) for channel in channels], axis=2)
