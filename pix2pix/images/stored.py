"""Convert the dtype of a file to one of the three that images have here.

Images are uint8, uint16 or float32: the augmentation, the resampling filters and the networks
handle these. Other numbers become float32, which is exact for 8 and 16 bits and rounds longer ones
to 24 significant bits; the networks compute with no more. Class ids become uint16, also those that
are stored as floats, as in many NIfTI files.
"""

from typing import get_args

import numpy as np

from pix2pix.config import ImageDtype, WrittenDtype
from pix2pix.errors import UserError
from pix2pix.images.rounding import rounded_to

DTYPES: tuple[ImageDtype, ...] = get_args(ImageDtype)
AS_FLOAT32 = ("int8", "int16", "int32", "uint32", "float16", "float64")

_STORED = frozenset(map(np.dtype, DTYPES))
_MAX_ID = int(np.iinfo(np.uint16).max)


def stored_pixels(pixels: np.ndarray, *, label_ids: bool) -> np.ndarray:
    """Return a contiguous array (H, W, C) of a dtype in `DTYPES`, in this machine's byte order.

    Raises UserError for another number of axes, another dtype, or values that are not finite.
    """
    if pixels.ndim not in (2, 3) or 0 in pixels.shape:
        hint = ", or set slices of the side if it is a volume" if pixels.ndim > 3 else ""
        raise UserError(
            f"has shape {pixels.shape}; store (height, width, channels){hint}",
            for_sender=f"has shape {pixels.shape}; send (height, width, channels) of one image",
        )
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if label_ids and pixels.dtype.kind == "f":
        pixels = _whole(pixels)
    dtype = _dtype(pixels, label_ids=label_ids)
    if dtype.kind != "f":
        return np.ascontiguousarray(pixels, dtype=dtype)
    with np.errstate(over="ignore"):  # float64 beyond float32 becomes infinite, and is refused
        converted = np.ascontiguousarray(pixels, dtype=dtype)
    if not np.isfinite(converted).all():
        num_bad = int(np.count_nonzero(~np.isfinite(converted)))
        fault, remedy = f"holds {num_bad} NaN or infinite values", "fill or crop them"
        if np.isnan(converted).any():
            remedy = (
                "set nodata: nan for this side if NaN means that nothing was measured, or " + remedy
            )
        raise UserError(
            f"{fault}; {remedy}",
            for_sender=f"{fault}, which the model cannot translate; fill or crop them",
        )
    return converted


def written_dtype(file_dtype: str) -> WrittenDtype | None:
    """The dtype of translated files, given that of the files of a side.

    None if translated files have the dtype of the images.
    """
    return next((each for each in get_args(WrittenDtype) if each == file_dtype), None)


def as_written(image: np.ndarray, dtype: WrittenDtype | None) -> np.ndarray:
    """Round and clip a float32 image to the integers of `dtype`; None: return it unchanged.

    The shape stays.
    """
    if dtype is None:
        return image
    return rounded_to(np.dtype(dtype), image.astype(np.float64))


def _whole(pixels: np.ndarray) -> np.ndarray:
    """Floats as int64 if each of them is a whole number, else unchanged.

    They are rounded to float32 first: a slope such as 0.1 makes 3.0000000000000004 of a 3.
    """
    with np.errstate(over="ignore"):
        rounded = pixels.astype(np.float32)
    is_whole = np.isfinite(rounded).all() and np.array_equal(rounded, np.rint(rounded))
    if not is_whole or np.abs(rounded).max() > 2**62:
        return pixels
    return rounded.astype(np.int64)


def _dtype(pixels: np.ndarray, *, label_ids: bool) -> np.dtype:
    dtype = pixels.dtype.newbyteorder("=")
    if dtype in _STORED:  # asking for its name takes several times as long
        return dtype
    if label_ids and dtype.kind in "iu":
        low, high = int(pixels.min()), int(pixels.max())
        if low < 0 or high > _MAX_ID:
            raise UserError(f"holds the values {low}..{high}; class ids are 0..{_MAX_ID}")
        return np.dtype(np.uint16)
    if dtype.name in AS_FLOAT32:
        return np.dtype(np.float32)
    hint = "; or set num_labels if they are class ids" if dtype.kind in "iu" else ""
    fault, known = f"holds {dtype.name} values", ", ".join((*DTYPES, *AS_FLOAT32))
    raise UserError(f"{fault}; store {known}{hint}", for_sender=f"{fault}; send {known}")
