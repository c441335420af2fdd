"""Decode the bytes of a TIFF file: any number of channels, 8 or 16 bits, or floats."""

import io
import logging

import numpy as np
import tifffile

from pix2pix.errors import UserError
from pix2pix.images.decoded import DAMAGED, Decoded, FileFacts, damaged, from_bits
from pix2pix.images.orientation import ORIENTATION_TAG, orientation, upright

_MAX_VALUES = 3 * 178_956_970  # 178 megapixels of RGB, where Pillow warns of a decompression bomb

# YCbCr is the colour space of JPEG inside TIFF; tifffile converts it to RGB.
_PHOTOMETRICS = (
    tifffile.PHOTOMETRIC.MINISBLACK,
    tifffile.PHOTOMETRIC.RGB,
    tifffile.PHOTOMETRIC.YCBCR,
)
_LOSSY = (tifffile.COMPRESSION.OJPEG, tifffile.COMPRESSION.JPEG)
_ALPHA = (tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA)


def decode_tiff(data: bytes, *, label_ids: bool) -> Decoded:
    """Decode a TIFF file as `decode.decode_file` does. Raises UserError.

    Several pages of one size become the channels of one image.
    """
    # tifffile logs what is wrong with a damaged file, and raises an exception with it as well.
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            _check_size(file, len(data))
            num_pages, num_series, page = len(file.pages), len(file.series), file.pages.first
            pixels, axes = file.series[0].asarray(), file.series[0].axes
            colours, extra = page.colormap, page.extrasamples
            tag = page.tags.get(ORIENTATION_TAG)
    except DAMAGED as error:
        raise damaged(error) from None
    if num_series != 1:
        raise UserError(f"holds {num_series} images of different sizes; store one per file")
    pixels = _channels_last(pixels, axes)
    has_alpha = bool(extra) and extra[-1] in _ALPHA and pixels.shape[-1] in (2, 4)
    if has_alpha and extra[-1] == tifffile.EXTRASAMPLE.ASSOCALPHA:
        pixels = _straight(pixels)
    if page.photometric == tifffile.PHOTOMETRIC.PALETTE and colours is not None and not label_ids:
        pixels = (colours.T >> 8).astype(np.uint8)[pixels[..., 0]]  # TIFF palettes have 16 bits
    elif page.photometric not in _PHOTOMETRICS and not label_ids:
        name = tifffile.PHOTOMETRIC(page.photometric).name
        raise UserError(f"has {name} colours; convert it to RGB, or to grey where black is zero")
    turn = orientation(None if tag is None else int(tag.value))
    facts = FileFacts(
        file_format="TIFF",
        orientation=turn,
        has_alpha=has_alpha,
        is_lossy=page.compression in _LOSSY,
        num_pages=num_pages,
    )
    return Decoded(upright(from_bits(pixels, label_ids=label_ids), turn), facts)


def _check_size(file: tifffile.TiffFile, num_bytes: int) -> None:
    """Raise UserError if the file is cut short or states an impossible size.

    tifffile itself pads a truncated JPEG silently, and spends minutes on billions of tiles that a
    damaged header states.
    """
    # Pages are read by index. In a damaged file a page can point back to an earlier one, and
    # iterating over `file.pages` would then never end.
    pages = [file.pages[index].aspage() for index in range(len(file.pages))]
    if sum(page.size for page in pages) > _MAX_VALUES:
        raise UserError(f"its header states {len(pages)} images of shape {pages[0].shape}")
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


def _straight(pixels: np.ndarray) -> np.ndarray:
    """Divide colours that were stored multiplied by alpha, so that alpha is straight."""
    top = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1.0
    alpha = pixels[..., -1:].astype(np.float64) / top
    nothing = np.zeros(pixels[..., :-1].shape)
    colours = np.divide(pixels[..., :-1], alpha, out=nothing, where=alpha > 0)
    if pixels.dtype.kind == "u":
        colours = np.rint(colours).clip(0, top)
    return np.concatenate([colours.astype(pixels.dtype), pixels[..., -1:]], axis=-1)
