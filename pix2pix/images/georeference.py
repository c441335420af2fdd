"""The georeference of a GeoTIFF file: the tags that say where on the earth its pixels lie.

The tags are those of OGC 19-008r4, sec. 7. A translated image shows the same part of the earth. If
it has more or fewer pixels, the tags are adapted to their size.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from pix2pix.images.decoded import DAMAGED
from pix2pix.images.orientation import ORIENTATION_TAG, UPRIGHT
from pix2pix.images.tiff_pages import open_tiff
from pix2pix.special_files import open_plain

# Pixel scale, tie points, transformation; directory, numbers and texts of the geographic keys.
_SCALE, _TIE_POINTS, _TRANSFORMATION, _KEYS = 33550, 33922, 34264, 34735
NODATA_TAG = 42113  # GDAL_NODATA, a number as text
_TAGS = (_SCALE, _TIE_POINTS, _TRANSFORMATION, _KEYS, 34736, 34737)
_PLACE = (_SCALE, _TIE_POINTS, _TRANSFORMATION, _KEYS)
_RASTER_TYPE, _POINT = 1025, 2  # a geographic key, and its value for points
_SUFFIXES = (".tif", ".tiff")

# Code, dtype, number of values, values, and whether only the first page has the tag: an entry of
# `extratags` of tifffile.
Tag = tuple[int, int, int, object, bool]


def georeference(path: Path, size: tuple[int, int] | None = None) -> Sequence[Tag]:
    """The tags of a GeoTIFF file; none for other files, and for files that cannot be read.

    `size` is the height and width of the image that gets the tags; None: that of the file. Files
    whose pixels reading turns (tag 274) have no tags either, because these would not fit any more.
    """
    if path.suffix.lower() not in _SUFFIXES:
        return ()
    try:
        with open_plain(path) as opened, open_tiff(opened) as file:
            tags = file.pages.first.tags
            turn = tags.get(ORIENTATION_TAG)
            if turn is not None and turn.value != UPRIGHT:
                return ()
            found = [tags[code] for code in _TAGS if code in tags]
            values = {tag.code: tag.value for tag in found}
            if size is not None:
                page = file.pages.first
                values |= _adapted(values, size[1] / page.imagewidth, size[0] / page.imagelength)
            return [(tag.code, int(tag.dtype), tag.count, values[tag.code], True) for tag in found]
    except DAMAGED:
        return ()  # reading the pixels says what is wrong


def stated_affine(page: tifffile.TiffPage) -> tuple[float, ...] | None:
    """The 4x4 matrix, row by row, from the indices (x, y, z) of a pixel to where its centre lies.

    Heights have no part in it: z is 0. None for a page that does not state its place by one matrix
    (OGC 19-008r4, sec. 7.1), or states numbers that make none.
    """
    try:
        values = {code: page.tags[code].value for code in _PLACE if code in page.tags}
        matrix = _matrix(values)
        to_corner = 0.0 if _is_point(values.get(_KEYS, ())) else 0.5
    except (ValueError, TypeError):
        return None  # reading does not need it
    if matrix is None or not np.isfinite(matrix).all():
        return None
    affine = np.eye(4)
    affine[:2] = matrix[:2]
    affine[:2, 3] += matrix[:2, :2] @ (to_corner, to_corner)
    affine[:3, 2] = 0
    return tuple(affine.ravel().tolist())


def _matrix(values: Mapping[int, Any]) -> np.ndarray | None:
    """From columns and rows to the place, both as the raster type counts them."""
    if _TRANSFORMATION in values:
        return np.array(values[_TRANSFORMATION], float).reshape(4, 4)
    if _SCALE not in values or _TIE_POINTS not in values:
        return None
    scale_x, scale_y, _ = np.array(values[_SCALE], float)
    column, row, _, x, y, _ = np.array(values[_TIE_POINTS], float).reshape(-1, 6)[0]
    matrix = np.diag([scale_x, -scale_y, 1.0, 1.0])
    matrix[:2, 3] = x - column * scale_x, y + row * scale_y
    return matrix


def nodata_tags(nodata: float | None) -> Sequence[Tag]:
    """The tag with which GDAL states the value of pixels that were not measured; None: no tag."""
    if nodata is None:
        return ()
    return [(NODATA_TAG, int(tifffile.DATATYPE.ASCII), 0, f"{nodata:.17g}", True)]


def _adapted(values: Mapping[int, Any], columns: float, rows: float) -> dict[int, Any]:
    """The tags for an image with `columns` times as many columns and `rows` times as many rows.

    Positions in an image are counted from the corner of its first pixel, or from the centre where
    the raster type is a point (sec. 7.1.2).
    """
    origin = 0.5 if _is_point(values.get(_KEYS, ())) else 0.0
    factors = np.array([columns, rows, 1.0])
    adapted: dict[int, Any] = {}
    if _SCALE in values:
        adapted[_SCALE] = tuple((np.array(values[_SCALE]) / factors).tolist())
    if _TIE_POINTS in values:
        points = np.array(values[_TIE_POINTS], float).reshape(-1, 6)
        points[:, :2] = (points[:, :2] + origin) * factors[:2] - origin
        adapted[_TIE_POINTS] = tuple(points.ravel().tolist())
    if _TRANSFORMATION in values:
        to_old = np.diag([*(1 / factors), 1.0])
        to_old[:2, 3] = origin / factors[:2] - origin
        matrix = np.array(values[_TRANSFORMATION], float).reshape(4, 4) @ to_old
        adapted[_TRANSFORMATION] = tuple(matrix.ravel().tolist())
    return adapted


def _is_point(directory: Sequence[int]) -> bool:
    """Whether GTRasterTypeGeoKey says that positions are those of the pixels' centres."""
    keys = np.array(directory, int).reshape(-1, 4)
    return bool(((keys[:, 0] == _RASTER_TYPE) & (keys[:, 3] == _POINT)).any())
