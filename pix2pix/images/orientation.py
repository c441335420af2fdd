"""EXIF orientation: a tag that says how stored pixels are to be turned to stand upright.

JPEG, PNG, TIFF (tag 274) and WEBP can carry it; cameras and phones write it in place of turning the
pixels themselves.
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
    """The value of the tag, 1..8; 1 (as it is) where it is absent or means nothing."""
    return tag if isinstance(tag, int) and tag in _TURNS else UPRIGHT


def upright(pixels: np.ndarray, value: int) -> np.ndarray:
    """Turn (H, W, ...) as `orientation` says; the result may be a view, H and W may change."""
    return _TURNS[value](pixels) if value in _TURNS else pixels
