"""The values that mark pixels where nothing was measured, in files that are read and written."""

from typing import Protocol

import numpy as np

from pix2pix.config import Nodata, Side
from pix2pix.errors import UserError
from pix2pix.images.decoded import FileFacts


class MarkedSide(Side, Protocol):
    """A side whose files have been read."""

    @property
    def stated_nodata(self) -> float | str | None:
        """With nodata "file", the value that the training files state, or "nan"."""


def measured(
    pixels: np.ndarray,
    nodata: Nodata | None,
    facts: FileFacts,
    *,
    value_range: tuple[float, float] | None,
    mask: np.ndarray | None = None,
) -> np.ndarray | None:
    """Which pixels (H, W) of (H, W, C) or (H, W) hold a measured value; None: all of them.

    `pixels` have the dtype of the file. A pixel has no value if a channel is NaN, or if it has the
    value `nodata`: in one channel if that lies outside of `value_range`, in all if it lies inside,
    where a single channel may well have measured it. With `value_range` None, it lies inside.
    The scale and offset of a GeoTIFF are not yet applied to `pixels`, as GDAL's nodata value is a
    stored one; `value_range` is that of the scaled values. With `nodata` "file", pixels that the
    file's own `mask` (H, W) leaves out have no value either.

    Raises UserError for images with opacity, which says itself where nothing is seen.
    """
    if nodata is None or pixels.ndim not in (2, 3):
        return None
    if facts.has_alpha:
        raise UserError(
            "has an opacity channel, and nodata is for images without one: remove the channel, or "
            "set nodata: null for this side",
            for_sender="has an opacity channel, and the model takes none; remove the channel",
        )
    values = pixels if pixels.ndim == 3 else pixels[..., None]
    missing = np.zeros(values.shape[:2], bool)
    if mask is not None and nodata == "file":
        missing |= ~mask
    if values.dtype.kind == "f":
        missing |= np.isnan(values).any(axis=2)
    value = facts.nodata if nodata == "file" else float(nodata)
    if value is not None and not np.isnan(value):
        equal = _equal(values, value)
        is_inside = _is_inside(value, value_range, facts)
        missing |= equal.all(axis=2) if is_inside else equal.any(axis=2)
    return ~missing if missing.any() else None


def not_ignored(pixels: np.ndarray, ignore_label: int | None) -> np.ndarray | None:
    """Which pixels (H, W) of a label map (H, W, C) have another value than `ignore_label`.

    None: all of them. A pixel has it if all its channels have it.
    """
    if ignore_label is None:
        return None
    valid = (pixels != ignore_label).any(axis=2)
    return None if valid.all() else valid


def written_nodata(side: MarkedSide, dtype: np.dtype) -> float | None:
    """The value that translated files of a target side hold where their source has none.

    None if the side has no such value, or files of `dtype` cannot hold it.
    """
    value = side.stated_nodata if side.nodata == "file" else side.nodata
    if value is None:
        value = side.ignore_label
    if value is None:
        return None
    number = float(value)
    if dtype.kind == "f":
        return number
    limits = np.iinfo(dtype)
    return number if number.is_integer() and limits.min <= number <= limits.max else None


def _is_inside(value: float, value_range: tuple[float, float] | None, facts: FileFacts) -> bool:
    """Whether a stored value lies within the range in all channels."""
    if value_range is None:
        return True
    meant = [value * scale + offset for scale, offset in facts.scaling or ((1.0, 0.0),)]
    return all(value_range[0] <= each <= value_range[1] for each in meant)


def _equal(values: np.ndarray, nodata: float) -> np.ndarray:
    if values.dtype.kind != "f":
        return np.asarray(values == nodata)
    with np.errstate(over="ignore"):  # a value that a short float can only hold as infinite
        return np.asarray(values == values.dtype.type(nodata))
