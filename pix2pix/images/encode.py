"""Encode pixels as the bytes of a file; `decode` returns the same pixels, except those of JPEG.

The format is PNG, which every viewer opens, or TIFF for images that PNG cannot store: other dtypes
than uint8 and uint16, another number of channels than one or three, or a georeference. With `alpha`
the last channel is opacity, which PNG stores beside them; it takes any second or fourth channel for
that. `encode_as` lets others choose.
"""

import io
from collections.abc import Sequence
from typing import Literal, assert_never

import imagecodecs
import numpy as np
import tifffile
from PIL import Image

from pix2pix.errors import UserError
from pix2pix.images.georeference import Tag, nodata_tags
from pix2pix.plural import counted

MediaType = Literal["image/png", "image/tiff", "image/jpeg", "application/x-npy"]

_GREY, _RGB = 1, 3
_JPEG_QUALITY = 95


def file_suffix(dtype: str, channels: int, *, alpha: bool = False) -> str:
    """The suffix (".png" or ".tif") for files that `encode` makes of images of this kind."""
    is_png = np.dtype(dtype).name in ("uint8", "uint16") and channels - alpha in (_GREY, _RGB)
    return ".png" if is_png else ".tif"


def encode(
    image: np.ndarray,
    *,
    alpha: bool = False,
    georeference: Sequence[Tag] = (),
    nodata: float | None = None,
) -> bytes:
    """Encode an image (H, W, C) as the content of a file; a georeference makes it a GeoTIFF.

    A TIFF file states `nodata`, the value of pixels without a value, as GDAL does. Equal images
    give equal bytes.
    """
    if _fits_png(image, alpha) and not georeference:
        return bytes(imagecodecs.png_encode(_pixels(image)))
    return _tiff(image, alpha, georeference=georeference, nodata=nodata)


def lossless_type(image: np.ndarray, *, alpha: bool = False) -> MediaType:
    """The media type of what `encode` makes of an image (H, W, C)."""
    return "image/png" if _fits_png(image, alpha) else "image/tiff"


def encode_as(
    image: np.ndarray, media_type: MediaType, *, alpha: bool = False, nodata: float | None = None
) -> bytes:
    """Encode an image (H, W, C) in the named format, with all bits of its values.

    A TIFF file states `nodata`, see `encode`. Raises UserError if the format cannot store the
    image's dtype or number of channels.
    """
    match media_type:
        case "image/png" if _fits_png(image, alpha):
            return encode(image, alpha=alpha)
        case "image/jpeg" if image.dtype == np.uint8 and image.shape[2] in (_GREY, _RGB):
            file = io.BytesIO()
            Image.fromarray(_pixels(image)).save(file, "JPEG", quality=_JPEG_QUALITY)
            return file.getvalue()
        case "image/tiff":
            return _tiff(image, alpha, nodata=nodata)
        case "application/x-npy":
            file = io.BytesIO()
            np.save(file, image)
            return file.getvalue()
        case "image/png" | "image/jpeg":
            opacity = ", the last of them opacity" if alpha else ""
            raise UserError(
                f"{media_type} cannot store {counted(image.shape[2], 'channel')} of "
                f"{image.dtype.name}{opacity}; ask for image/tiff or application/x-npy"
            )
        case _:
            assert_never(media_type)


def _fits_png(image: np.ndarray, alpha: bool) -> bool:
    return file_suffix(image.dtype.name, image.shape[2], alpha=alpha) == ".png"


def _pixels(image: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(image[..., 0] if image.shape[2] == 1 else image)


def _tiff(
    image: np.ndarray,
    alpha: bool,
    *,
    georeference: Sequence[Tag] = (),
    nodata: float | None,
) -> bytes:
    channels = image.shape[2]
    colours = channels - alpha
    file = io.BytesIO()
    tifffile.imwrite(
        file,
        _pixels(image),
        photometric="rgb" if colours == _RGB else "minisblack",
        extrasamples=["unassalpha"] if alpha else None,
        planarconfig=None if channels == 1 else "contig",
        extratags=[*georeference, *nodata_tags(nodata)],
        metadata=None,  # otherwise tifffile adds its own description of the shape
    )
    return file.getvalue()
