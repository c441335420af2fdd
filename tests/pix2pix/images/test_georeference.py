"""The tags of a GeoTIFF file, and that they come back on translated files."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from pix2pix.images.decode import decode, decode_file
from pix2pix.images.encode import encode
from pix2pix.images.georeference import georeference
from tests.support.scientific_files import tiff

IMAGE = np.random.default_rng(0).integers(-500, 3000, (20, 30)).astype(np.int16)
# UTM zone 32N, 10 m pixels, as GDAL writes it.
TAGS = {
    33550: ("d", (10.0, 10.0, 0.0)),
    33922: ("d", (0.0, 0.0, 0.0, 399960.0, 5400000.0, 0.0)),
    34735: ("H", (1, 1, 0, 4, 1024, 0, 1, 1, 1025, 0, 1, 1, 1026, 34737, 22, 0, 3072, 0, 1, 32632)),
    34737: ("s", "WGS 84 / UTM zone 32N|"),
}
EXTRA = [(code, kind, len(value), value, True) for code, (kind, value) in TAGS.items()]


def tags_of(data: bytes) -> dict[int, object]:
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        tags = file.pages.first.tags
        return {code: tags[code].value for code in TAGS if code in tags}


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_the_tags_come_back_value_for_value(tmp_path: Path) -> None:
    path = write(tmp_path / "dem.tif", tiff(IMAGE, extratags=EXTRA, tile=(16, 16)))
    for image in (
        np.zeros((20, 30, 1), np.float32),
        np.zeros((20, 30, 3), np.uint8),
        IMAGE[..., None],
    ):
        encoded = encode(image, georeference=georeference(path))
        assert tags_of(encoded) == {code: value for code, (_, value) in TAGS.items()}
        with tifffile.TiffFile(io.BytesIO(encoded)) as file:
            assert file.is_geotiff
            assert file.pages.first.geotiff_tags["ProjectedCSTypeGeoKey"] == 32632
            np.testing.assert_array_equal(file.asarray(), image.squeeze())


def _position(tags: dict[int, Any], column: float, row: float, origin: float) -> tuple[float, ...]:
    """Where on the earth a corner (column, row), counted from the image's corner, lies."""
    column, row = column - origin, row - origin
    if 34264 in tags:
        x, y, *_ = np.reshape(tags[34264], (4, 4)) @ (column, row, 0, 1)
        return float(x), float(y)
    (scale_x, scale_y, _), (i, j, _, x, y, _) = tags[33550], tags[33922]
    return x + (column - i) * scale_x, y - (row - j) * scale_y


@pytest.mark.parametrize("raster_type", [1, 2], ids=["area", "point"])
@pytest.mark.parametrize("is_matrix", [False, True])
def test_corners_of_a_larger_image_lie_where_those_of_the_file_lie(
    tmp_path: Path, raster_type: int, is_matrix: bool
) -> None:
    placed: dict[int, tuple[float, ...]] = {
        33550: (10.0, 20.0, 0.0),
        33922: (4.0, 3.0, 0.0, 399960.0, 5400000.0, 0.0),
    }
    if is_matrix:
        placed = {34264: (9.0, 2.0, 0, 400.0, -1.5, -8.0, 0, 700.0, 0, 0, 1, 0, 0, 0, 0, 1)}
    keys = (1, 1, 0, 1, 1025, 0, 1, raster_type)
    extra = [(code, "d", len(value), value, True) for code, value in placed.items()]
    path = write(tmp_path / "dem.tif", tiff(IMAGE, extratags=[*extra, (34735, "H", 8, keys, True)]))
    larger = {tag[0]: tag[3] for tag in georeference(path, (40, 90))}  # 2 and 3 times
    origin = 0.5 if raster_type == 2 else 0.0
    for column, row in ((0, 0), (30, 20), (7, 11)):
        there = _position(larger, 3 * column, 2 * row, origin)
        np.testing.assert_allclose(there, _position(placed, column, row, origin), rtol=1e-12)
    same = {tag[0]: tag[3] for tag in georeference(path, (20, 30))}
    assert {code: same[code] for code in placed} == placed


def test_other_files_have_no_georeference(tmp_path: Path) -> None:
    plain = write(tmp_path / "a.tif", tiff(IMAGE))
    cut = write(tmp_path / "b.tif", tiff(IMAGE, extratags=EXTRA)[:40])
    text = write(tmp_path / "c.tif", b"no image")
    picture = write(tmp_path / "d.png", b"")
    turned = write(tmp_path / "e.tif", tiff(IMAGE, extratags=[*EXTRA, (274, "H", 1, 6, True)]))
    assert [list(georeference(path)) for path in (plain, cut, text, picture, turned)] == [[]] * 5


def test_overviews_and_masks_of_a_geotiff_are_passed_over() -> None:
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(IMAGE, extratags=EXTRA, tile=(16, 16), metadata=None)
        writer.write(IMAGE[::2, ::2], subfiletype=1, tile=(16, 16), metadata=None)
        writer.write(IMAGE[::4, ::4], subfiletype=1, tile=(16, 16), metadata=None)
        mask = np.ones((20, 30), np.bool_)
        writer.write(mask, subfiletype=4, photometric="mask", metadata=None)
    decoded = decode_file(file.getvalue())
    np.testing.assert_array_equal(decoded.pixels[..., 0], IMAGE)
    assert decoded.facts.num_pages == 1


def test_encoded_integers_are_decoded_as_they_were() -> None:
    for dtype in ("int8", "int16", "int32", "uint32"):
        image = np.abs(IMAGE[..., None] % 100).astype(dtype)
        np.testing.assert_array_equal(decode(encode(image)), image)
