"""From the bytes of a TIFF file to values: any number of channels, 8 and 16 bits and floats."""

import io
import logging

import numpy as np
import tifffile

from pix2pix.errors import UserError
from pix2pix.images.decoded import DAMAGED, Decoded, FileFacts, damaged, from_bits
from pix2pix.images.orientation import ORIENTATION_TAG, orientation, upright

_MAX_VALUES = 3 * 178_956_970  # as Pillow's limit for the other formats: 178 megapixels of RGB

# YCbCr: JPEG inside TIFF, which tifffile turns to RGB.
_PHOTOMETRICS = (
    tifffile.PHOTOMETRIC.MINISBLACK,
    tifffile.PHOTOMETRIC.RGB,
    tifffile.PHOTOMETRIC.YCBCR,
)
_LOSSY = (tifffile.COMPRESSION.OJPEG, tifffile.COMPRESSION.JPEG)
_ALPHA = (tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA)


def decode_tiff(data: bytes, *, label_ids: bool) -> Decoded:
    """Pages of one size count as channels. Raises UserError, see `decode`."""
    # All it has to say about a damaged file comes as an exception, too.
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


def _straight(pixels: np.ndarray) -> np.ndarray:
    """Colours that were stored multiplied by their alpha, divided by it: as other formats are."""
    top = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1.0
    alpha = pixels[..., -1:].astype(np.float64) / top
    nothing = np.zeros(pixels[..., :-1].shape)
    colours = np.divide(pixels[..., :-1], alpha, out=nothing, where=alpha > 0)
    if pixels.dtype.kind == "u":
        colours = np.rint(colours).clip(0, top)
    return np.concatenate([colours.astype(pixels.dtype), pixels[..., -1:]], axis=-1)
