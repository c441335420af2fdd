"""From pixels to the bytes of a file that `decode` reads back as they were.

PNG where it can hold them, which every viewer opens, else TIFF.
"""

import io

import imagecodecs
import numpy as np
import tifffile

_PNG_CHANNELS = 4
_RGB = 3


def file_suffix(dtype: str, channels: int) -> str:
    """The suffix of the files that `encode` makes of such images."""
    is_png = np.dtype(dtype).kind == "u" and channels <= _PNG_CHANNELS
    return ".png" if is_png else ".tif"


def encode(image: np.ndarray) -> bytes:
    """An image (H, W, C), uint8, uint16 or float32, as a file; the same image is the same bytes."""
    channels = image.shape[2]
    pixels = np.ascontiguousarray(image[..., 0] if channels == 1 else image)
    if file_suffix(image.dtype.name, channels) == ".png":
        return bytes(imagecodecs.png_encode(pixels))
    file = io.BytesIO()
    tifffile.imwrite(
        file,
        pixels,
        photometric="rgb" if channels == _RGB else "minisblack",
        planarconfig=None if channels == 1 else "contig",
        metadata=None,  # else the shape, in tifffile's own words
    )
    return file.getvalue()
