"""Pixels without a value in files that other libraries wrote, and in files that are written."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from pix2pix.data.manifest import SideRecord
from pix2pix.errors import UserError
from pix2pix.images.decode import decode, decode_file, decode_halves
from pix2pix.images.encode import encode
from pix2pix.images.image import read_file
from pix2pix.images.masked import conform_masked, masked_array, read_side
from pix2pix.images.nodata import written_nodata
from pix2pix.images.options import ReadOptions
from pix2pix.images.validity import Masked
from tests.support.scientific_files import dicom, exr, nifti, npy, npz, tiff
from tests.support.small_sets import make_side

HOLES = np.array([[False, True, False, False], [True, False, False, False]])
GDAL_NODATA = 42113
LOWEST = float(np.finfo(np.float32).min)


def values(dtype: str, hole: float) -> np.ndarray:
    """Two rows of four measured values, and `hole` where `HOLES` says so."""
    return np.where(HOLES, hole, np.arange(1, 9).reshape(2, 4)).astype(dtype)


def geotiff(array: np.ndarray, text: str) -> bytes:
    return tiff(array, extratags=[(GDAL_NODATA, 2, 0, text, True)])


def options(nodata: Any, **changes: Any) -> ReadOptions:
    return ReadOptions(nodata=nodata, value_range=(0.0, 100.0), **changes)


FILES: dict[str, tuple[bytes, Any]] = {
    "float32": (npy(values("float32", np.nan)), "nan"),
    "beyond float32": (npy(values("float64", 1e300)), 1e300),
    "float16": (npy(values("float16", -9999)), -9999.0),
    "NaN beside a number": (npy(values("float32", np.nan)), -9999.0),
    "big endian": (npy(values(">i2", -32768)), -32768.0),
    "int32": (npy(values("int32", -9999)), -9999.0),
    "NPZ": (npz(x=values("float32", np.nan)), "nan"),
    "TIFF": (tiff(values("float32", LOWEST)), LOWEST),
    "GeoTIFF": (geotiff(values("float32", LOWEST), "-3.4028234663852886e+38"), "file"),
    "GeoTIFF int16": (geotiff(values("int16", -9999), "-9999"), "file"),
    "GeoTIFF NaN": (geotiff(values("float32", np.nan), "nan"), "file"),
    "GeoTIFF NaN beside a number": (geotiff(values("float32", np.nan), "-9999"), "file"),
    "GeoTIFF uint8": (geotiff(values("uint8", 255), " 255 "), "file"),
    "TIFF without a tag": (tiff(values("float32", np.nan)), "file"),
    "OpenEXR": (exr({"Y": values("float32", np.nan)}), "nan"),
    "NIfTI": (nifti(values("float32", np.nan).T[:, :, None]), "nan"),
    "DICOM": (dicom(values("int16", -2000), RescaleSlope=1, RescaleIntercept=-24), -2024.0),
}


@pytest.mark.parametrize("name", FILES)
def test_each_format_says_which_pixels_have_a_value(name: str) -> None:
    data, nodata = FILES[name]
    decoded = decode_file(data, options(nodata))
    np.testing.assert_array_equal(decoded.valid, ~HOLES)
    offset = -24 if name == "DICOM" else 0
    expected = np.where(HOLES, 0, values("float32", 0) + offset)
    np.testing.assert_array_equal(decoded.pixels[..., 0], expected)


def test_without_nodata_nan_is_an_error_that_names_the_remedy() -> None:
    with pytest.raises(UserError, match=r"holds 2 NaN or infinite values; set nodata: nan"):
        decode(npy(values("float32", np.nan)))
    with pytest.raises(UserError, match=r"holds 2 NaN or infinite values; fill or crop"):
        decode(npy(values("float32", np.inf)))
    with pytest.raises(UserError, match=r"holds 2 NaN or infinite values; fill or crop"):
        decode(npy(values("float32", np.inf)), options("nan"))


def test_a_nodata_value_of_another_dtype_marks_no_pixel() -> None:
    for data in (npy(values("uint8", 241)), geotiff(values("uint8", 241), "-9999")):
        for nodata in (-9999.0, 0.5, "nan", "file"):
            assert decode_file(data, options(nodata)).valid is None


def test_a_value_inside_the_range_has_to_be_in_all_channels() -> None:
    """Pure red is no missing value, but NaN or -9999 in one of several bands is one."""
    red, black, grey = (255, 0, 0), (0, 0, 0), (9, 9, 9)
    colours = npy(np.array([[red, black, grey]], np.uint8))
    valid = decode_file(colours, ReadOptions(nodata=0.0)).valid
    np.testing.assert_array_equal(valid, [[True, False, True]])
    bands = np.array([[(1, 2), (-9999, 2), (3, np.nan), (-9999, -9999)]], np.float32)
    valid = decode_file(npy(bands), options(-9999.0)).valid
    np.testing.assert_array_equal(valid, [[True, False, False, False]])


def test_a_damaged_tag_and_an_opacity_channel_are_named() -> None:
    data = geotiff(values("uint8", 3), "none")
    decode_file(data)
    with pytest.raises(UserError, match="states the nodata value 'none', which is no number"):
        decode_file(data, options("file"))
    rgba = tiff(np.zeros((4, 5, 4), np.uint8), photometric="rgb", extrasamples=["unassalpha"])
    with pytest.raises(UserError, match="has an opacity channel, and nodata is for images without"):
        decode_file(rgba, options(0.0))


@pytest.mark.parametrize(("low", "dtype", "fill"), [(-50.0, "float32", -50), (3.6, "uint16", 4)])
def test_pixels_without_a_value_hold_the_low_end_of_the_range(
    low: float, dtype: str, fill: float
) -> None:
    side = make_side(channels=1, value_range=(low, 900.0), nodata=7.0)
    image = np.array([[7, 8, 9]], dtype)
    masked = masked_array(image[..., None], side)
    assert masked.pixels.dtype == dtype
    np.testing.assert_array_equal(masked.pixels[0, :, 0], np.array([fill, 8, 9], dtype))
    np.testing.assert_array_equal(masked.valid, [[False, True, True]])


def test_what_lies_under_a_mask_does_not_change_grey_values(tmp_path) -> None:
    colours = np.random.default_rng(0).uniform(1, 99, (2, 4, 3)).astype(np.float32)
    side = make_side(channels=1, grayscale=True, value_range=(1.0, 99.0), nodata="nan")
    whole = masked_array(colours, side).pixels
    np.save(tmp_path / "x.npy", np.where(HOLES[..., None], np.nan, colours))
    masked = read_side(tmp_path / "x.npy", side)
    np.testing.assert_array_equal(masked.pixels, np.where(HOLES[..., None], np.float32(1), whole))


@pytest.mark.parametrize(
    "side",
    [
        {"num_labels": 4, "channels": 1},
        {"num_labels": 4, "channels": 1, "void_label": 9},
        {"channels": 1},
        {"channels": 3},
        {"channels": 1, "grayscale": True},
    ],
)
def test_an_ignored_label_becomes_class_0_without_a_value(side: dict[str, Any]) -> None:
    settings = make_side(kind="labels", ignore_label=255, **side)
    ids = np.array([[0, 255, 3], [1, 2, 255]], np.uint8)[..., None]
    if "void_label" in side:
        ids[0, 0] = 9
    stored = ids.repeat(3 if side.get("grayscale") or side["channels"] == 3 else 1, axis=2)
    masked = conform_masked(Masked(stored), settings)
    np.testing.assert_array_equal(masked.valid, ids[..., 0] != 255)
    expected = np.where(ids == 255, 0, np.where(ids == 9, 4, ids))
    np.testing.assert_array_equal(masked.pixels, expected.repeat(settings.channels, axis=2))


def test_one_channel_of_the_ignored_value_is_a_colour() -> None:
    side = make_side(kind="labels", channels=3, ignore_label=255)
    colours = np.array([[(255, 0, 0), (255, 255, 255)]], np.uint8)
    np.testing.assert_array_equal(conform_masked(Masked(colours), side).valid, [[True, False]])


def test_undeclared_ids_beside_the_ignored_one_are_refused() -> None:
    side = make_side(kind="labels", channels=1, num_labels=3, ignore_label=255)
    ids = np.array([[0, 255, 7]], np.uint8)[..., None]
    with pytest.raises(UserError, match="it holds 7; num_labels is 3"):
        conform_masked(Masked(ids), side)


def test_files_without_such_pixels_have_no_mask(tmp_path) -> None:
    Image.fromarray(np.full((4, 4), 3, np.uint8)).save(tmp_path / "x.png")
    side = make_side(channels=1, nodata=0.0)
    assert read_side(tmp_path / "x.png", side).valid is None


RECORD = SideRecord("image", 1, "float32", (0.0, 1.0), "area")


@pytest.mark.parametrize(
    ("changes", "dtype", "expected"),
    [
        ({}, "float32", None),
        ({"nodata": -9999.0}, "float32", -9999.0),
        ({"nodata": -9999.0}, "int16", -9999.0),
        ({"nodata": -9999.0}, "uint8", None),
        ({"nodata": 255.0}, "uint8", 255.0),
        ({"nodata": 256.0}, "uint8", None),
        ({"nodata": 0.5}, "uint8", None),
        ({"nodata": "nan"}, "uint8", None),
        ({"nodata": "file"}, "float32", None),
        ({"nodata": "file", "stated_nodata": 0.0}, "uint8", 0.0),
        ({"ignore_label": 255}, "uint8", 255.0),
        ({"ignore_label": 0}, "uint8", 0.0),
    ],
)
def test_files_get_the_nodata_value_that_they_can_hold(
    changes: dict[str, Any], dtype: str, expected: float | None
) -> None:
    record = dataclasses.replace(RECORD, **changes)
    assert written_nodata(record, np.dtype(dtype)) == expected


def test_nan_is_written_to_floats() -> None:
    for changes in ({"nodata": "nan"}, {"nodata": "file", "stated_nodata": "nan"}):
        value = written_nodata(dataclasses.replace(RECORD, **changes), np.dtype("float32"))
        assert value is not None
        assert np.isnan(value)


@pytest.mark.parametrize("nodata", [-9999.0, LOWEST, np.nan, 0.1])
def test_a_tiff_states_its_nodata_value_as_gdal_does(tmp_path, nodata: float) -> None:
    image = np.full((5, 6, 1), nodata, np.float32)
    path = tmp_path / "x.tif"
    path.write_bytes(encode(image, nodata=nodata))
    with tifffile.TiffFile(path) as file:
        np.testing.assert_equal(float(file.pages.first.tags[GDAL_NODATA].value), nodata)
    decoded = read_file(path, ReadOptions(nodata="file", value_range=(0.0, 1.0)))
    assert decoded.valid is not None
    assert not decoded.valid.any()


@pytest.mark.parametrize("nodata", [(None, "file"), ("file", None), ("file", "file")])
def test_the_stated_value_is_read_for_each_half_that_asks_for_it(nodata: Any) -> None:
    both = np.tile(values("int16", -9999), 2)
    halves = decode_halves(geotiff(both, "-9999"), *(ReadOptions(nodata=each) for each in nodata))
    for half, each in zip(halves, nodata, strict=True):
        expected = np.full(HOLES.shape, True) if each is None else ~HOLES
        valid = np.full(HOLES.shape, True) if half.valid is None else half.valid
        np.testing.assert_array_equal(valid, expected)
