"""Images of which some pixels have no value: averages without these pixels, and what they hold.

`valid` (H, W) bool says which pixels have a value; None means all, and costs nothing. An average
over pixels must weight each by its validity: otherwise what happens to be stored where nothing was
measured would leak into its neighbours. That is how colours are weighted by opacity, so validity is
joined to an image as if it were its alpha channel.
"""

from typing import NamedTuple

import numpy as np


class Masked(NamedTuple):
    """An image (H, W, C), and which of its pixels have a value."""

    pixels: np.ndarray
    valid: np.ndarray | None = None

    def as_dtype(self, dtype: str) -> "Masked":
        """The image with pixels of `dtype`, which must be able to hold their values."""
        return self._replace(pixels=self.pixels.astype(dtype, casting="safe", copy=False))


def fill_value(value_range: tuple[float, float] | None, dtype: np.dtype) -> float:
    """What is stored in pixels without a value: the low end of the range, which becomes -1.

    It is class 0 or black where values are labels. None is the range of the integers of `dtype`, or
    of class ids.
    """
    low = 0.0 if value_range is None else value_range[0]
    if dtype.kind == "f":
        return low
    limits = np.iinfo(dtype)
    return float(np.clip(np.rint(low), limits.min, limits.max))


def filled(pixels: np.ndarray, valid: np.ndarray | None, value: float) -> np.ndarray:
    """Return (H, W, C) or (H, W) with `value` in all pixels that are not valid."""
    if valid is None:
        return pixels
    where = valid if pixels.ndim == valid.ndim else valid[..., None]
    return np.where(where, pixels, pixels.dtype.type(value))


def joined(image: Masked) -> np.ndarray:
    """Append validity to (H, W, C) as an alpha channel; `divided` is the inverse."""
    pixels, valid = image
    if valid is None:
        valid = np.ones(pixels.shape[:2], bool)
    validity = np.where(valid, _top(pixels.dtype), 0).astype(pixels.dtype)
    return np.concatenate([pixels, validity[..., None]], axis=2)


def divided(pixels: np.ndarray) -> Masked:
    """Divide (H, W, C + 1), such as an average of `joined`, into an image and its validity.

    A pixel is valid if at least half of its weight comes from valid pixels.
    """
    valid = pixels[..., -1] >= _top(pixels.dtype) / 2
    return Masked(np.ascontiguousarray(pixels[..., :-1]), None if valid.all() else valid)


def _top(dtype: np.dtype) -> float:
    return 1.0 if dtype.kind == "f" else float(np.iinfo(dtype).max)
