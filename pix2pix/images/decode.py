"""Decode the bytes of an image file to pixel values, without loss.

The format is recognised by the content, not by the file's suffix. OpenCV is not used here: it
returns the readable part of a truncated file without an error, and its native code writes messages
to the console that Python cannot catch.
"""

import io

import numpy as np

from pix2pix.errors import UserError
from pix2pix.images.decoded import DAMAGED, WHOLE_FILE, Decoded, FileFacts
from pix2pix.images.pictures import decode_picture
from pix2pix.images.tiff import decode_tiff

FORMATS = "PNG, JPEG, TIFF, WEBP, BMP, GIF or NPY"

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_NPY = b"\x93NUMPY"

_DTYPES = ("uint8", "uint16", "float32")


def decode(data: bytes, *, label_ids: bool = False) -> np.ndarray:
    """Return only the pixels of `decode_file`."""
    return decode_file(data, label_ids=label_ids).pixels


def decode_file(data: bytes, *, label_ids: bool = False) -> Decoded:
    """Decode an image file: its pixels and the facts that the file states about them.

    Pixels are (H, W, C) uint8, uint16 or float32, channels in RGB(A) order, rotated upright as the
    EXIF orientation says. Of an animation, only the first frame is decoded. Palette indices become
    colours and one-bit pixels become 0 and 255; with `label_ids` both keep their stored values.

    Raises UserError if the file is damaged, is no image, or has an unsupported kind of pixels. The
    message says what to do but does not name the file; the caller adds the name.
    """
    if not data:
        raise UserError(f"is an empty file; {WHOLE_FILE}")
    decoded = _decode_any(data, label_ids=label_ids)
    return Decoded(_checked(decoded.pixels), decoded.facts)


def _decode_any(data: bytes, *, label_ids: bool) -> Decoded:
    if data.startswith(_TIFF):
        return decode_tiff(data, label_ids=label_ids)
    if data.startswith(_NPY):
        return _decode_npy(data)
    picture = decode_picture(data, label_ids=label_ids)
    if picture is not None:
        return picture
    raise UserError(
        f"is no {FORMATS} file, whatever its name says (it begins {data[:8]!r}); "
        "convert it or take it away"
    )


def _decode_npy(data: bytes) -> Decoded:
    try:
        pixels = np.asarray(np.lib.format.read_array(io.BytesIO(data), allow_pickle=False))
    except DAMAGED as error:
        raise UserError(
            f"is no plain array ({error}); write it with np.save, without Python objects"
        ) from None
    return Decoded(pixels, FileFacts(file_format="NPY"))


def _checked(pixels: np.ndarray) -> np.ndarray:
    """Return the pixels as a contiguous (H, W, C) array in this machine's byte order.

    Raises UserError for another number of axes, another dtype, or values that are not finite.
    """
    if pixels.ndim not in (2, 3) or 0 in pixels.shape:
        raise UserError(f"has shape {pixels.shape}; store (height, width, channels)")
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    dtype = pixels.dtype.newbyteorder("=")
    if dtype.name not in _DTYPES:
        raise UserError(f"holds {dtype.name} values; store {', '.join(_DTYPES)}")
    if dtype.kind == "f" and not np.isfinite(pixels).all():
        num_bad = int(np.count_nonzero(~np.isfinite(pixels)))
        raise UserError(f"holds {num_bad} NaN or infinite values; fill or crop them")
    return np.ascontiguousarray(pixels, dtype=dtype)
