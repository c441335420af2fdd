"""Encode pixels as the bytes of a file; `decode` returns the same pixels.

The format is PNG, which every viewer opens, or TIFF for images that PNG cannot store: other dtypes
than uint8 and uint16, more than four channels, or a georeference.
"""

import io
from collections.abc import Sequence

import imagecodecs
import numpy as np
import tifffile

from pix2pix.images.georeference import Tag, nodata_tags

_PNG_CHANNELS = 4
_RGB = 3


def file_suffix(dtype: str, channels: int) -> str:
    """The suffix (".png" or ".tif") for files that `encode` makes of images of this kind."""
    is_png = np.dtype(dtype).name in ("uint8", "uint16") and channels <= _PNG_CHANNELS
    return ".png" if is_png else ".tif"


def encode(
    image: np.ndarray, *, georeference: Sequence[Tag] = (), nodata: float | None = None
) -> bytes:
    """Encode an image (H, W, C) as the content of a file; a georeference makes it a GeoTIFF.

    A TIFF file states `nodata`, the value of pixels without a value, as GDAL does. Equal images
    give equal bytes.
    """
    channels = image.shape[2]
    pixels = np.ascontiguousarray(image[..., 0] if channels == 1 else image)
    if file_suffix(image.dtype.name, channels) == ".png" and not georeference:
        return bytes(imagecodecs.png_encode(pixels))
    file = io.BytesIO()
    tifffile.imwrite(
        file,
        pixels,
        photometric="rgb" if channels == _RGB else "minisblack",
        planarconfig=None if channels == 1 else "contig",
        extratags=[*georeference, *nodata_tags(nodata)],
        metadata=None,  # otherwise tifffile adds its own description of the shape
    )
    return file.getvalue()
