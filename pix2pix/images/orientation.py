"""EXIF orientation: a tag that says how to turn the stored pixels upright.

JPEG, PNG, TIFF (tag 274) and WEBP files can have it. Cameras and phones write the tag instead of
turning the pixels themselves.
"""

from collections.abc import Callable, Mapping

import numpy as np

ORIENTATION_TAG = 274
UPRIGHT = 1

_TURNS: Mapping[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels),
}


def orientation(tag: object) -> int:
    """The value of the tag, 1..8; 1 (upright) if the tag is absent or has no valid value."""
    return int(tag) if isinstance(tag, int) and tag in _TURNS else UPRIGHT


def upright(pixels: np.ndarray, value: int) -> np.ndarray:
    """Turn (H, W, ...) upright by an orientation 1..8; H and W may be exchanged.

    The result may be a view of `pixels`.
    """
    return _TURNS[value](pixels) if value in _TURNS else pixels
