"""Files of which some pixels have no value are translated to files that say so."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import tifffile

from pix2pix.images.image import read_file
from pix2pix.images.options import ReadOptions
from tests.support.scientific_files import npy, tiff
from tests.support.translated_scans import (
    GEO,
    SCAN,
    SCANS,
    make_translator,
    translated,
)

HOLE = np.zeros(SCAN.shape, bool)
HOLE[5:20, 30:] = True
NODATA_TAG = 42113


def test_a_geotiff_keeps_its_georeference_and_says_where_nothing_was_measured(
    tmp_path: Path,
) -> None:
    """The source states another value than the target's files."""
    source = replace(SCANS, nodata="file")
    target = replace(SCANS, nodata="file", stated_nodata=-9999.0)
    translator = make_translator(tmp_path, source, target)
    scan = np.where(HOLE, np.int16(-32768), SCAN)
    tags = [*GEO, (NODATA_TAG, 2, 0, "-32768", True)]

    written, failures = translated(tmp_path, translator, "x.tif", tiff(scan, extratags=tags))

    assert failures == {}
    with tifffile.TiffFile(io.BytesIO(written["x.tif"])) as file:
        page = file.pages.first
        assert page.nodata == -9999
        assert page.tags[NODATA_TAG].value == "-9999"
        for code, _, _, value, _ in GEO:
            assert page.tags[code].value == value
        values = file.asarray()
    assert values.dtype == np.int16
    np.testing.assert_array_equal(values == -9999, HOLE)
    read = read_file(tmp_path / "out" / "x.tif", ReadOptions(nodata="file"))
    np.testing.assert_array_equal(read.valid, ~HOLE)


def test_floats_get_nan(tmp_path: Path) -> None:
    target = replace(SCANS, nodata="nan", file_dtype=None)
    translator = make_translator(tmp_path, replace(SCANS, nodata="nan"), target)
    scan = np.where(HOLE, np.nan, SCAN).astype(np.float32)

    written, failures = translated(tmp_path, translator, "x.npy", npy(scan))

    assert failures == {}
    with tifffile.TiffFile(io.BytesIO(written["x.tif"])) as file:
        assert file.pages.first.tags[NODATA_TAG].value == "nan"
        np.testing.assert_array_equal(np.isnan(file.asarray()), HOLE)


def test_a_png_holds_the_value_and_has_no_tag(tmp_path: Path) -> None:
    target = replace(SCANS, dtype="uint8", value_range=(1.0, 255.0), file_dtype=None, nodata=0.0)
    translator = make_translator(tmp_path, replace(SCANS, nodata=-2000.0), target)
    written, failures = translated(
        tmp_path, translator, "x.npy", npy(np.where(HOLE, np.int16(-2000), SCAN))
    )
    assert failures == {}
    assert list(written) == ["x.png"]
    values = read_file(tmp_path / "out" / "x.png").pixels[..., 0]
    np.testing.assert_array_equal(values == 0, HOLE)


def test_a_model_without_nodata_names_the_file_with_nan(tmp_path: Path) -> None:
    translator = make_translator(tmp_path, SCANS)
    scan = np.where(HOLE, np.nan, SCAN).astype(np.float32)
    written, failures = translated(tmp_path, translator, "x.npy", npy(scan))
    assert written == {}
    ((source, reason),) = failures.items()
    assert source.path.name == "x.npy"
    assert f"holds {HOLE.sum()} NaN or infinite values" in reason
