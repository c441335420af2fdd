"""Which colours of TIFF files are read, and the colours of a palette."""

import numpy as np
import tifffile

from pix2pix.images.decoded import SoundFileError

_PHOTOMETRICS = (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.RGB)


def check_colours(page: tifffile.TiffPage) -> None:
    """Raise SoundFileError for CMYK and the like.

    YCbCr is the colour space of JPEG inside TIFF, which tifffile converts to RGB. Where it is
    stored otherwise, tifffile returns it as it is.
    """
    is_jpeg = page.compression in (tifffile.COMPRESSION.OJPEG, tifffile.COMPRESSION.JPEG)
    can_convert = page.photometric == tifffile.PHOTOMETRIC.YCBCR and is_jpeg
    has_palette = page.photometric == tifffile.PHOTOMETRIC.PALETTE and page.colormap is not None
    if page.photometric not in _PHOTOMETRICS and not can_convert and not has_palette:
        name = tifffile.PHOTOMETRIC(page.photometric).name
        raise SoundFileError(
            f"has {name} colours; convert it to RGB, or to grey where black is zero"
        )


def palette_colours(indices: np.ndarray, page: tifffile.TiffPage) -> np.ndarray:
    """Replace the indices of a palette by its colours.

    TIFF palettes have 16 bits. Some programs write 8 bits; libtiff takes those, too, for what they
    are if no entry is higher.
    """
    assert page.colormap is not None  # see check_colours
    stored = page.colormap.T
    palette = (stored >> 8 if stored.max() > 255 else stored).astype(np.uint8)
    colours: np.ndarray = palette[indices[..., 0]]
    return colours
