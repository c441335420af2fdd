"""Read the images of a side, of which some pixels may have no value (nodata, ignore_label).

Such pixels are filled, see `validity.fill_value`, so that nothing depends on what a file stores
there.
"""

import logging
from pathlib import Path

import numpy as np

from pix2pix.config import Side
from pix2pix.errors import UserError
from pix2pix.images.decode import decode_file
from pix2pix.images.decoded import FileFacts
from pix2pix.images.image import conform, read_file
from pix2pix.images.names import printable
from pix2pix.images.nodata import measured, not_ignored
from pix2pix.images.options import VolumeSlice, side_options
from pix2pix.images.validity import Masked, fill_value, filled

logger = logging.getLogger(__name__)


def read_side(
    path: Path,
    side: Side,
    volume_slice: VolumeSlice | None = None,
    *,
    dtype: str | None = None,
) -> Masked:
    """Read an image file for a model that was trained with `side`, or a slice of it.

    It is converted with `conform_masked`. `dtype` is that of the images of the side: if it is
    float32, so are the integers of a DICOM file that states their units. Raises UserError, which
    tells how to change the file: the parameters of a model stay as they are.
    """
    try:
        decoded = read_file(path, side_options(side, volume_slice))
    except UserError as error:
        raise UserError(error.for_sender) from None
    num_frames = decoded.facts.num_frames
    if num_frames > 1:
        logger.warning("%s: only the first of %d frames is used", printable(path), num_frames)
    image = Masked(decoded.pixels, decoded.valid)
    if dtype == "float32" and decoded.facts.states_units:
        image = image.as_dtype(dtype)
    try:
        return conform_masked(image, side)
    except UserError as error:
        raise UserError(f"{printable(path)}: {error.for_sender}") from None


def decode_side(data: bytes, side: Side) -> np.ndarray:
    """Decode a file to an array (H, W, C) that `masked_array` converts as `read_side` does.

    Raises UserError if the file cannot be decoded, or if it states a value of pixels without a
    value that an array cannot have.
    """
    decoded = decode_file(data, side_options(side))
    pixels = decoded.pixels
    if decoded.facts.scaling is not None and side.nodata not in (None, "nan", "file"):
        # In an array, which has no scale, a measured value may well be the same number.
        raise UserError(
            f"states a scale and offset, beside which the model's nodata value {side.nodata} is "
            "not known: apply them, and send floats with NaN where there is no value"
        )
    if decoded.valid is None or side.nodata is None:
        return pixels
    nodata = np.nan if side.nodata == "file" else float(side.nodata)
    if np.isnan(nodata) and pixels.dtype.kind != "f":
        raise UserError(
            f"states which of its {pixels.dtype.name} pixels have no value, which is only read "
            "from files in a folder: give these pixels a value and remove the nodata tag (42113) "
            "and the mask, or use `pix2pix translate`"
        )
    return filled(pixels, decoded.valid, nodata)


def masked_array(pixels: np.ndarray, side: Side) -> Masked:
    """Convert an array (H, W, C) with the values of files as `read_side` converts a file."""
    facts = FileFacts(file_format="array")
    valid = measured(pixels, side.nodata, facts, value_range=side.value_range)
    return conform_masked(Masked(filled(pixels, valid, 0), valid), side)


def conform_masked(image: Masked, side: Side) -> Masked:
    """Convert with `conform`, leave out the pixels with `ignore_label`, and fill all without value.

    Raises as `conform` does.
    """
    pixels, valid = image
    if valid is None:
        valid = not_ignored(pixels, side.ignore_label)
    if valid is None:
        return Masked(conform(pixels, side))
    conformed = conform(filled(pixels, valid, 0), side)  # 0 is a class id as well
    return Masked(with_fill(Masked(conformed, valid), side), valid)


def with_fill(image: Masked, side: Side) -> np.ndarray:
    """The image (H, W, C) with the side's `fill_value` in all pixels that are not valid."""
    return filled(*image, fill_value(side.value_range, image.pixels.dtype))
