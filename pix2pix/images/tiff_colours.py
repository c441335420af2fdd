"""Which colours of TIFF files are read, and the colours of a palette."""

import numpy as np
import tifffile

from pix2pix.errors import UserError
from pix2pix.images.decoded import SoundFileError, damaged

_PHOTOMETRICS = (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.RGB)


def check_colours(page: tifffile.TiffPage) -> None:
    """Raise SoundFileError for CMYK and the like, and for grey where zero is white.

    Of one bit, as of a fax, the latter is read.
    YCbCr is the colour space of JPEG inside TIFF, which tifffile converts to RGB. Where it is
    stored otherwise, tifffile returns it as it is.
    """
    is_jpeg = page.compression in (tifffile.COMPRESSION.OJPEG, tifffile.COMPRESSION.JPEG)
    can_convert = page.photometric == tifffile.PHOTOMETRIC.YCBCR and is_jpeg
    has_palette = page.photometric == tifffile.PHOTOMETRIC.PALETTE and page.colormap is not None
    is_bilevel = page.photometric == tifffile.PHOTOMETRIC.MINISWHITE and page.bitspersample == 1
    if not (page.photometric in _PHOTOMETRICS or can_convert or has_palette or is_bilevel):
        name = tifffile.PHOTOMETRIC(page.photometric).name
        raise SoundFileError(
            f"has {name} colours; convert it to RGB, or to grey where black is zero"
        )


def highest_value(page: tifffile.TiffPage) -> int | None:
    """The highest value of a page with 2 to 7 bits per value; None for palettes and other pages."""
    bits = page.bitspersample
    is_short = isinstance(bits, int) and 1 < bits < 8
    return 2**bits - 1 if is_short and page.photometric != tifffile.PHOTOMETRIC.PALETTE else None


def spread(pixels: np.ndarray, highest: int) -> np.ndarray:
    """Spread 0..highest over 0..255, as PNG files of few bits are read."""
    return ((pixels.astype(np.uint16) * 255 + highest // 2) // highest).astype(np.uint8)


def palette_colours(indices: np.ndarray, page: tifffile.TiffPage) -> np.ndarray:
    """Replace the indices of a palette, (H, W, 1), by its colours, (H, W, 3).

    Raises UserError if there are several pages or channels of indices, if these are no whole
    numbers from 0 on, or if the palette has too few colours.
    """
    if indices.shape[-1] != 1:
        fault = f"holds {indices.shape[-1]} pages or channels with a palette, not one"
        raise UserError(
            f"{fault}; set slices: z of the side if each page is an image, or store one per file",
            for_sender=f"{fault}; store one per file, or convert it to RGB",
        )
    if indices.dtype.kind != "u":
        raise damaged(UserError(f"its palette has {indices.dtype} indices"))
    palette = stored_palette(page)
    highest = int(indices.max(initial=0))
    if highest >= len(palette):
        raise damaged(UserError(f"its palette has {len(palette)} colours, a pixel has {highest}"))
    colours: np.ndarray = palette[indices[..., 0]]
    return colours


def stored_palette(page: tifffile.TiffPage) -> np.ndarray:
    """The colours (K, 3) uint8 of the indices of a page; none if it has no palette.

    TIFF palettes have 16 bits. Some programs write 8 bits; libtiff takes those, too, for what they
    are if no entry is higher.
    """
    stored = np.zeros((0, 3), np.uint16) if page.colormap is None else page.colormap.T
    return (stored >> 8 if stored.max(initial=0) > 255 else stored).astype(np.uint8)
