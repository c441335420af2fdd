"""Notes on pairs of GeoTIFF files that lie at unlike places; those of volumes: test_volumes.py."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pix2pix.config import DataConfig
from pix2pix.preparation.checks import check_pairs
from tests.support.file_pairs import NUM_PAIRS, blocks, config, write
from tests.support.scientific_files import tiff

PIXEL = 10.0  # metres, of a pixel of A
LEFT, TOP = 399960.0, 5400000.0
AREA, POINT = 1, 2


def geo_tags(left: float, top: float, pixel: float, raster: int = AREA) -> list[object]:
    """The tags of a file whose first pixel has this corner, or this centre for points."""
    keys = (1, 1, 0, 1, 1025, 0, 1, raster)
    return [
        (33550, "d", 3, (pixel, pixel, 0.0), True),
        (33922, "d", 6, (0.0, 0.0, 0.0, left, top, 0.0), True),
        (34735, "H", len(keys), keys, True),
    ]


def matrix_tags(left: float, top: float, pixel: float) -> list[object]:
    """The same place as `geo_tags`, as a transformation."""
    matrix = (pixel, 0, 0, left, 0, -pixel, 0, top, 0, 0, 0, 0, 0, 0, 0, 1)
    return [(34264, "d", 16, matrix, True)]


def geo_notes(root: Path, tags: list[object], *, scale: float | None = 1.0) -> list[str]:
    """The notes about places, where B of the first pair has `tags` and its others fit A."""
    times = 2 if scale in (2, None) else 1
    fitting = geo_tags(LEFT, TOP, PIXEL / times)
    for index in range(NUM_PAIRS):
        image = np.kron(blocks(index, 1, 0, 255)[..., 0], np.ones((times, times)))
        for side, pixels, extra in (
            ("A", blocks(index + 99, 1, 0, 255)[..., 0], geo_tags(LEFT, TOP, PIXEL)),
            ("B", image, fitting if index else tags),
        ):
            data = tiff(pixels.astype(np.uint8), extratags=extra)
            write(root / side / f"{index}.tif", data)
    report = check_pairs(root, scaled(scale), num_workers=1)
    assert report.offences == ()
    return [note for note in report.notes if note.startswith("the affines")]


def scaled(scale: float | None) -> DataConfig:
    data = config(channels=1)
    return replace(data, side_b=replace(data.side_b, scale=scale))


@pytest.mark.parametrize(
    "tags",
    [
        geo_tags(LEFT + 2 * PIXEL, TOP, PIXEL),
        geo_tags(LEFT, TOP - PIXEL, PIXEL),
        geo_tags(LEFT, TOP, 1.5 * PIXEL),
        matrix_tags(LEFT + 99999, TOP, PIXEL),
    ],
    ids=["to the right", "down", "pixel size", "transformation"],
)
def test_geotiffs_at_other_places_or_of_other_pixel_sizes_are_noted(
    tmp_path: Path, tags: list[object]
) -> None:
    (note,) = geo_notes(tmp_path, tags)
    assert note.startswith("the affines of 1 pair of volumes or GeoTIFF files differ")
    assert note.endswith(": A/0.tif and B/0.tif")


@pytest.mark.parametrize(
    "tags",
    [
        geo_tags(LEFT + 0.1, TOP, PIXEL),  # rounded
        geo_tags(LEFT + PIXEL / 2, TOP - PIXEL / 2, PIXEL, POINT),
        matrix_tags(LEFT, TOP, PIXEL),
        [],
        [(33550, "d", 1, (PIXEL,), True), *geo_tags(LEFT, TOP, PIXEL)[1:]],
        geo_tags(float("nan"), TOP, PIXEL),
    ],
    ids=["rounded", "points", "transformation", "no place", "odd scale", "no number"],
)
def test_one_place_however_it_is_stated_and_none_are_not_noted(
    tmp_path: Path, tags: list[object]
) -> None:
    assert geo_notes(tmp_path, tags) == []


@pytest.mark.parametrize("scale", [2.0, None])
def test_the_declared_scale_makes_unlike_pixel_sizes_right(
    tmp_path: Path, scale: float | None
) -> None:
    half = PIXEL / 2
    assert geo_notes(tmp_path, geo_tags(LEFT, TOP, half), scale=scale) == []
    (note,) = geo_notes(tmp_path, geo_tags(LEFT + half, TOP, half), scale=scale)
    assert note.endswith(": A/0.tif and B/0.tif")
    assert len(geo_notes(tmp_path, geo_tags(LEFT, TOP, PIXEL), scale=scale)) == 1
