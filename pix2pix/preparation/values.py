"""Which values an image really holds, apart from those that mean "no data"."""

from dataclasses import dataclass

import numpy as np

# What geographic and scientific files write where nothing was measured.
_NO_DATA = (-9999.0, -99999.0, -32768.0, -32767.0, float(np.finfo(np.float32).min))
_FAR = 3  # spans of all other values, and nothing between: so far away lies no measured value
_MAX_DISTINCT = 32
_MOST = 0.9
_BLOCK = 1 << 20
_SAMPLED = 1 << 16  # values that floats are counted on


@dataclass(frozen=True, slots=True)
class Values:
    """`low` and `high` are over all channels but opacity, without the value `no_data`.

    `no_data` stands alone, far below or above the others, in the share `no_data_share` of pixels.
    `distinct` are the different values, sorted; None: more than 32. `num_common` of them make up
    nine tenths of the image, a few only in masks and drawings, even where JPEG has blurred them.
    """

    low: float
    high: float
    no_data: float | None
    no_data_share: float
    distinct: tuple[float, ...] | None
    num_common: int
    is_flat: bool  # all pixels are equal, in all channels


def measure(image: np.ndarray, *, declared: tuple[float, float] | None, has_alpha: bool) -> Values:
    """Look at an image (H, W, C); values inside a `declared` range mean data, unless well known."""
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
    found, counts = _counted(colours)
    return Values(
        low=low,
        high=high,
        no_data=no_data,
        no_data_share=share,
        distinct=tuple(map(float, found)) if len(found) <= _MAX_DISTINCT else None,
        num_common=_num_common(counts),
        is_flat=_is_flat(image),
    )


def _may_be_no_data(value: float, dtype: np.dtype, declared: tuple[float, float] | None) -> bool:
    if value in _NO_DATA:
        return True
    if declared is not None:
        return not declared[0] <= value <= declared[1]
    # Of integers without a declared range, all are as good as any; the last of 16 bits may be full.
    return dtype.kind == "f" or (dtype == np.uint16 and value == np.iinfo(dtype).max)


def _counted(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different values, sorted, and how often each occurs; of floats, among a sample."""
    flat = values.ravel()
    if values.dtype.kind != "u":
        found, counts = np.unique(flat[:: max(1, flat.size // _SAMPLED)], return_counts=True)
        return found, counts
    # In blocks: numpy counts in 64 bits per value.
    top = int(flat.max())
    counts = np.zeros(top + 1, np.int64)
    for first in range(0, flat.size, _BLOCK):
        counts += np.bincount(flat[first : first + _BLOCK], minlength=top + 1)
    return np.flatnonzero(counts), counts[counts > 0]


def _num_common(counts: np.ndarray) -> int:
    covered = np.cumsum(np.sort(counts)[::-1])
    return int(np.searchsorted(covered, _MOST * covered[-1])) + 1


def _is_flat(image: np.ndarray) -> bool:
    return all(
        bool((row == image[0, 0]).all()) for row in image
    )  # ends at the first row that is not
