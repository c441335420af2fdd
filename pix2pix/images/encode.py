"""Encode pixels as the bytes of a file; `decode` returns the same pixels.

The format is PNG, which every viewer opens, or TIFF for images that PNG cannot store: float32, or
more than four channels.
"""

import io

import imagecodecs
import numpy as np
import tifffile

_PNG_CHANNELS = 4
_RGB = 3


def file_suffix(dtype: str, channels: int) -> str:
    """The suffix (".png" or ".tif") for files that `encode` makes of images of this kind."""
    is_png = np.dtype(dtype).kind == "u" and channels <= _PNG_CHANNELS
    return ".png" if is_png else ".tif"


def encode(image: np.ndarray) -> bytes:
    """Encode an image (H, W, C), uint8, uint16 or float32, as the content of a file.

    Equal images give equal bytes.
    """
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
        metadata=None,  # otherwise tifffile adds its own description of the shape
    )
    return file.getvalue()
