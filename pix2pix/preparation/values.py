"""Measure the values of an image, apart from a value that means "no data"."""

from dataclasses import dataclass

import cv2
import numpy as np

# The values that geographic and scientific files use for pixels without a measurement.
_NO_DATA = (-9999.0, -99999.0, -32768.0, -32767.0, float(np.finfo(np.float32).min))
_FAR = 3  # a value that is this many lengths of a range away from it is no measured value
_MAX_DISTINCT = 32
_MOST = 0.9
_BLOCK = 1 << 20
_SAMPLED = 1 << 16  # the number of float values, or pixels, in which distinct ones are counted


@dataclass(frozen=True, slots=True)
class Values:
    """The values of an image over all channels except opacity.

    `low` and `high` are the smallest and the largest value, without `no_data`. `no_data` is a value
    far below or above all others, if there is one, and `no_data_share` the share of pixels with it.
    `distinct` are the sorted distinct values, None if there are more than 32. `num_common` is the
    number of most frequent values that make up nine tenths of the image; it is small in masks and
    drawings, even after JPEG compression.
    """

    low: float
    high: float
    no_data: float | None
    no_data_share: float
    distinct: tuple[float, ...] | None
    num_common: int
    is_flat: bool  # all pixels are equal, in all channels


def measure(image: np.ndarray, *, declared: tuple[float, float] | None, has_alpha: bool) -> Values:
    """Measure an image (H, W, C).

    A value inside the `declared` range counts as "no data" only if it is in `_NO_DATA`.
    """
    colours = image[..., :-1] if has_alpha else image
    low, high = float(colours.min()), float(colours.max())
    no_data, share = None, 0.0
    for candidate in dict.fromkeys((low, high)) if low < high else ():
        if not _may_be_no_data(candidate, image.dtype, declared):
            continue
        is_candidate = colours == colours.dtype.type(candidate)
        rest = colours[~is_candidate]
        least, most = float(rest.min()), float(rest.max())
        gap = least - candidate if candidate == low else candidate - most
        if least < most and (candidate in _NO_DATA or gap > _FAR * (most - least)):
            no_data, share = candidate, float(is_candidate.any(axis=2).mean())
            low, high = least, most
            break
    distinct, counts = _counted(colours)
    return Values(
        low=low,
        high=high,
        no_data=no_data,
        no_data_share=share,
        distinct=tuple(map(float, distinct)) if len(distinct) <= _MAX_DISTINCT else None,
        num_common=_num_common(counts),
        is_flat=_is_flat(image),
    )


def num_colours(image: np.ndarray) -> int:
    """The number of colours in (H, W, C) uint8, C up to 4, or in a sample of its pixels."""
    pixels = image.reshape(-1, image.shape[2])
    sample = pixels[:: max(1, len(pixels) // _SAMPLED)]
    packed = np.zeros((len(sample), 4), np.uint8)
    packed[:, : image.shape[2]] = sample
    return len(np.unique(packed.view(np.uint32)))


def is_far_outside(image: np.ndarray, value_range: tuple[float, float]) -> bool:
    """Whether an image has values so far outside of a range that they cannot be measured ones.

    They mark pixels without a value, or have another unit.
    """
    low, high = value_range
    reach = _FAR * (high - low)
    return bool(image.min() < low - reach or image.max() > high + reach)


def _may_be_no_data(value: float, dtype: np.dtype, declared: tuple[float, float] | None) -> bool:
    if value in _NO_DATA:
        return True
    if declared is not None:
        return not declared[0] <= value <= declared[1]
    # For integers without a declared range, any value may be a measured one; only the highest
    # 16-bit value often means "no data".
    return dtype.kind == "f" or (dtype == np.uint16 and value == np.iinfo(dtype).max)


def _counted(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sorted distinct values and how often each occurs; for floats, in a sample of them."""
    flat = values.ravel()
    if values.dtype.kind != "u":
        distinct, counts = np.unique(flat[:: max(1, flat.size // _SAMPLED)], return_counts=True)
        return distinct, counts
    # OpenCV counts several times faster than np.bincount, but in float32: exact below 2^24.
    size = int(np.iinfo(values.dtype).max) + 1
    counts = np.zeros(size, np.int64)
    for first in range(0, flat.size, _BLOCK):
        block = flat[first : first + _BLOCK]
        counts += cv2.calcHist([block], [0], None, [size], [0, size]).ravel().astype(np.int64)
    return np.flatnonzero(counts), counts[counts > 0]


def _num_common(counts: np.ndarray) -> int:
    covered = np.cumsum(np.sort(counts)[::-1])
    return int(np.searchsorted(covered, _MOST * covered[-1])) + 1


def _is_flat(image: np.ndarray) -> bool:
    # Row by row, which ends at the first row with another value.
    return all(bool((row == image[0, 0]).all()) for row in image)
