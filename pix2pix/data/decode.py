"""From the bytes of a PNG, JPEG, TIFF or NPY file to values: nothing lost, nothing half read.

The format is told by the content, not by the suffix. OpenCV is not used here: it hands out
the readable half of a truncated file, and writes its complaints past Python to the console.
"""

import io
import logging
import struct
import tokenize
import zlib

import imagecodecs
import numpy as np
import tifffile
from PIL import Image, ImageOps

from pix2pix.errors import UserError

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_NPY = b"\x93NUMPY"

_MAX_VALUES = 3 * 178_956_970  # as Pillow's limit for the other formats: 178 megapixels of RGB

_DTYPES = ("uint8", "uint16", "float32")

# What the decoders raise on damaged files; SyntaxError is Pillow's word for a broken PNG chunk.
_DAMAGED = (
    OSError,
    ValueError,
    RuntimeError,
    SyntaxError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    MemoryError,
    struct.error,
    tokenize.TokenError,
    zlib.error,
)
_WHOLE_FILE = "replace it with a whole copy"


def decode(data: bytes, *, label_ids: bool = False) -> np.ndarray:
    """The pixels of an image file: (H, W, C) uint8, uint16 or float32, C in RGB(A) order.

    A palette is expanded to its colours and one-bit pixels become 0 and 255, unless `label_ids`:
    then the stored indices are the values. Raises UserError (without the file's name) if the file
    is damaged, no image, or of an unsupported kind; the text says what to do.
    """
    if not data:
        raise UserError(f"is an empty file; {_WHOLE_FILE}")
    if data.startswith(_PNG):
        return _checked(_decode_png(data, label_ids=label_ids))
    if data.startswith(_JPEG):
        return _checked(_decode_jpeg(data))
    if data.startswith(_TIFF):
        return _checked(_decode_tiff(data, label_ids=label_ids))
    if data.startswith(_NPY):
        return _checked(_decode_npy(data))
    raise UserError(
        f"is no PNG, JPEG, TIFF or NPY file, whatever its name says (it begins {data[:8]!r}); "
        "convert it or take it away"
    )


def _decode_png(data: bytes, *, label_ids: bool) -> np.ndarray:
    try:
        _check_chunks(data)
        depth = data[24]
        if depth == 16:  # Pillow would reduce 16-bit colour to 8 bits
            return np.asarray(imagecodecs.png_decode(data))
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            image.load()
            if image.mode == "P" and not label_ids:
                has_alpha = "transparency" in image.info
                return np.asarray(image.convert("RGBA" if has_alpha else "RGB"))
            pixels: np.ndarray = np.asarray(image)
    except (*_DAMAGED, Image.DecompressionBombError) as error:
        raise _damaged(error) from None
    if label_ids and image.mode == "L" and depth < 8:
        pixels = pixels // (255 // (2**depth - 1))  # Pillow spreads 0..2**depth-1 over 0..255
    return _from_bits(pixels, label_ids=label_ids)


def _check_chunks(data: bytes) -> None:
    """Raise UserError unless all chunks of a PNG are there, with the right check sums.

    The decoders do without the last chunk, and print what they think of damaged ones.
    """
    first, kind = len(_PNG), b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, first)
        (checksum,) = struct.unpack_from(">I", data, first + 8 + length)
        if zlib.crc32(data[first + 4 : first + 8 + length]) != checksum:
            raise UserError("a check sum is wrong")
        first += 12 + length


def _decode_jpeg(data: bytes) -> np.ndarray:
    """Turned upright as EXIF says."""
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "MPO")) as image:
            mode = image.mode
            pixels = np.asarray(ImageOps.exif_transpose(image))
    except (*_DAMAGED, Image.DecompressionBombError) as error:
        raise _damaged(error) from None
    if mode not in ("L", "RGB"):
        raise UserError(f"has {mode} colours; convert it to RGB")
    return pixels


def _decode_tiff(data: bytes, *, label_ids: bool) -> np.ndarray:
    """Pages of one size count as channels."""
    # All it has to say about a damaged file comes as an exception, too.
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            _check_tiff(file, len(data))
            num_series, page = len(file.series), file.pages.first
            pixels, axes = file.series[0].asarray(), file.series[0].axes
            colours = page.colormap
    except _DAMAGED as error:
        raise _damaged(error) from None
    if num_series != 1:
        raise UserError(f"holds {num_series} images of different sizes; store one per file")
    pixels = _channels_last(pixels, axes)
    if page.photometric == tifffile.PHOTOMETRIC.PALETTE and colours is not None and not label_ids:
        pixels = (colours.T >> 8).astype(np.uint8)[pixels[..., 0]]  # TIFF palettes have 16 bits
    elif page.photometric not in _PHOTOMETRICS and not label_ids:
        name = tifffile.PHOTOMETRIC(page.photometric).name
        raise UserError(f"has {name} colours; convert it to RGB, or to grey where black is zero")
    return _from_bits(pixels, label_ids=label_ids)


# YCbCr: JPEG inside TIFF, which tifffile turns to RGB.
_PHOTOMETRICS = (
    tifffile.PHOTOMETRIC.MINISBLACK,
    tifffile.PHOTOMETRIC.RGB,
    tifffile.PHOTOMETRIC.YCBCR,
)


def _check_tiff(file: tifffile.TiffFile, num_bytes: int) -> None:
    """Raise UserError if the file is cut short, or claims a size that only damage explains.

    tifffile fills up a JPEG that is cut short, and spends minutes on billions of absent tiles.
    """
    # By index: iterating never ends where damage has made the pages a circle.
    pages = [file.pages[index].aspage() for index in range(len(file.pages))]
    if sum(page.size for page in pages) > _MAX_VALUES:
        raise UserError(f"it claims to hold {len(pages)} images of {pages[0].shape}")
    end = max(
        offset + length
        for page in pages
        for offset, length in zip(page.dataoffsets, page.databytecounts, strict=True)
    )
    if end > num_bytes:
        raise UserError("its pixels end beyond the end of the file")


def _channels_last(pixels: np.ndarray, axes: str) -> np.ndarray:
    others = [index for index, axis in enumerate(axes) if axis not in "YX"]
    if "Y" not in axes or "X" not in axes or len(others) > 1:
        raise UserError(f"has axes {axes}; store height, width and channels only")
    order = [axes.index("Y"), axes.index("X"), *others]
    pixels = pixels.transpose(order)
    return pixels if others else pixels[..., None]


def _decode_npy(data: bytes) -> np.ndarray:
    try:
        return np.asarray(np.lib.format.read_array(io.BytesIO(data), allow_pickle=False))
    except _DAMAGED as error:
        raise UserError(
            f"is no plain array ({error}); write it with np.save, without Python objects"
        ) from None


def _from_bits(pixels: np.ndarray, *, label_ids: bool) -> np.ndarray:
    """One-bit pixels as uint8; others as they are."""
    if pixels.dtype != np.bool_:
        return pixels
    return pixels.astype(np.uint8) * np.uint8(1 if label_ids else 255)


def _checked(pixels: np.ndarray) -> np.ndarray:
    """The pixels as contiguous (H, W, C) in this machine's byte order. Raises UserError."""
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


def _damaged(error: BaseException) -> UserError:
    return UserError(f"is truncated, damaged or too large ({error}); {_WHOLE_FILE}")
