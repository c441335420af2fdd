"""The scale and offset in GDAL's metadata of GeoTIFF files."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from pix2pix.errors import UserError
from pix2pix.images.decode import decode_file, decode_halves
from pix2pix.images.masked import decode_side, read_side
from pix2pix.images.options import ReadOptions, VolumeSlice
from pix2pix.preparation.checks import check_pairs
from tests.support.file_pairs import NUM_PAIRS, SIZE, blocks, config, prepared, write
from tests.support.scientific_files import npy, tiff
from tests.support.small_sets import make_config, make_side

STORED = np.arange(1, 13, dtype=np.int16).reshape(2, 6)
HOLES = STORED == 5


def gdal_xml(scalings: Mapping[int, tuple[float, float]]) -> str:
    """The metadata that GDAL writes, by sample; the other items are not for the values."""
    items = ['<Item name="AREA_OR_POINT">Area</Item>', '<Item name="SCALE">7</Item>']
    for sample, (scale, offset) in scalings.items():
        items += [
            f'<Item name="DESCRIPTION" sample="{sample}" role="description">B</Item>',
            f'<Item name="OFFSET" sample="{sample}" role="offset">{offset!r}</Item>',
            f'<Item name="SCALE" sample="{sample}" role="scale">{scale!r}</Item>',
        ]
    return f"<GDALMetadata>\n  {''.join(items)}\n</GDALMetadata>\n"


def geotiff(
    pixels: np.ndarray, *scalings: tuple[float, float], nodata: float | None = None, **options: Any
) -> bytes:
    """A GeoTIFF file with a scale and offset for each channel."""
    tags = [(42112, "s", 0, gdal_xml(dict(enumerate(scalings))), True)]
    if nodata is not None:
        tags.append((42113, "s", 0, f"{nodata:g}", True))
    return tiff(pixels, extratags=tags, **options)


def test_values_are_what_scale_and_offset_make_of_them() -> None:
    decoded = decode_file(geotiff(STORED, (0.1, -40.0)))
    np.testing.assert_array_equal(decoded.pixels[..., 0], (STORED * 0.1 - 40.0).astype(np.float32))
    assert decoded.facts.dtype == "float64"  # so that value_range is asked for


def test_each_band_has_its_own_scale() -> None:
    bands = np.stack([STORED, 2 * STORED, 3 * STORED], axis=-1)
    data = geotiff(bands, (0.5, 0.0), (1.0, 10.0), photometric="rgb")
    expected = [STORED * 0.5, 2 * STORED + 10.0, 3 * STORED]
    np.testing.assert_array_equal(decode_file(data).pixels, np.stack(expected, axis=-1))


@pytest.mark.parametrize("scalings", [(), ((1.0, 0.0),), ((1.0, 0.0),) * 3])
def test_scale_1_and_offset_0_change_nothing(scalings: tuple[tuple[float, float], ...]) -> None:
    pixels = STORED.astype(np.uint16)
    decoded = decode_file(geotiff(pixels, *scalings))
    assert (decoded.pixels.dtype, decoded.facts.dtype) == (np.uint16, "uint16")
    np.testing.assert_array_equal(decoded.pixels[..., 0], pixels)
    assert decoded.facts == decode_file(tiff(pixels)).facts


@pytest.mark.parametrize("nodata", [5.0, "file"])
@pytest.mark.parametrize("value_range", [(0.0, 1.0), (0.0, 100.0), None])
def test_nodata_is_a_stored_value(nodata: Any, value_range: tuple[float, float] | None) -> None:
    """5 means 0.5; the stored 50, which means 5, is measured."""
    pixels = np.where(STORED == 6, 50, STORED).astype(np.int16)
    data = geotiff(pixels, (0.1, 0.0), nodata=5)
    decoded = decode_file(data, ReadOptions(nodata=nodata, value_range=value_range))
    np.testing.assert_array_equal(decoded.valid, ~HOLES)
    expected = np.where(HOLES, 0, pixels * 0.1).astype(np.float32)
    np.testing.assert_array_equal(decoded.pixels[..., 0], expected)


@pytest.mark.parametrize(("value_range", "is_missing"), [((0.0, 1.0), False), ((0.0, 0.4), True)])
def test_whether_nodata_is_inside_of_the_range_is_said_by_the_value_that_it_means(
    value_range: tuple[float, float], is_missing: bool
) -> None:
    """Inside, all channels must have it, see `nodata.measured`."""
    bands = np.array([[(5, 1), (5, 5), (1, 1)]], np.uint8)
    data = geotiff(bands, (0.1, 0.0), (0.1, 0.0), planarconfig="contig")
    decoded = decode_file(data, ReadOptions(nodata=5.0, value_range=value_range))
    np.testing.assert_array_equal(decoded.valid, [[not is_missing, False, True]])


def test_halves_have_the_nodata_of_their_own_side() -> None:
    data = geotiff(STORED, (0.1, 0.0), nodata=5)
    for options in ((None, "file"), ("file", None), ("file", "file")):
        halves = decode_halves(data, *(ReadOptions(nodata=each) for each in options))
        for columns, half, nodata in zip((slice(3), slice(3, 6)), halves, options, strict=True):
            missing = HOLES[:, columns] if nodata else np.zeros((2, 3), bool)
            valid = np.ones((2, 3), bool) if half.valid is None else half.valid
            np.testing.assert_array_equal(valid, ~missing)
            values = np.where(missing, 0, STORED[:, columns] * 0.1).astype(np.float32)
            np.testing.assert_array_equal(half.pixels[..., 0], values)


def paged(*scales: float) -> bytes:
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for scale in scales:
            tags = [(42112, "s", 0, gdal_xml({0: (scale, 0.0)}), True)]
            writer.write(STORED, extratags=tags, photometric="minisblack", metadata=None)
    return file.getvalue()


def test_slices_have_the_scale_of_their_page_and_channels_need_one() -> None:
    for index in range(2):
        chosen = ReadOptions(volume_slice=VolumeSlice("z", index, 2))
        pixels = decode_file(paged(0.5, 0.25), chosen).pixels[..., 0]
        np.testing.assert_array_equal(pixels, STORED * (0.5, 0.25)[index])
    np.testing.assert_array_equal(
        decode_file(paged(0.5, 0.5)).pixels, np.stack([STORED * 0.5] * 2, axis=-1)
    )
    for scales in ((0.5, 0.25), (0.5, 1.0)):
        with pytest.raises(UserError, match=r"^has pages of unlike scales and offsets; store them"):
            decode_file(paged(*scales))


@pytest.mark.parametrize("name", ["ids", "bits", "opacity", "palette"])
def test_values_that_are_no_measurements_have_no_scale(name: str) -> None:
    grey = STORED.astype(np.uint8)
    colours = np.zeros((3, 256), np.uint16)
    pixels, options = {
        "ids": (grey, {}),
        "bits": (grey > 3, {}),
        "opacity": (np.stack([grey] * 2, axis=-1), {"extrasamples": ["unassalpha"]}),
        "palette": (grey, {"photometric": "palette", "colormap": colours}),
    }[name]
    message = r"^states the scale 0\.1 and the offset 2, which class ids, .* remove them, as with"
    with pytest.raises(UserError, match=message):
        decode_file(geotiff(pixels, (0.1, 2.0), **options), ReadOptions(label_ids=name == "ids"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('<Item role="scale" sample="0">much</Item>', "states the scale 'much', which is no"),
        ('<Item role="offset" sample="0">nan</Item>', "states the offset 'nan', which is no"),
        ('<Item role="scale" sample="0"/>', "states the scale '', which is no"),
        ("<Item>", r"states GDAL metadata \(tag 42112\) that is no XML \(mismatched tag"),
    ],
)
def test_a_damaged_tag_is_named(text: str, message: str) -> None:
    xml = f"<GDALMetadata>{text}</GDALMetadata>"
    with pytest.raises(UserError, match=f"^{message}"):
        decode_file(tiff(STORED, extratags=[(42112, "s", 0, xml, True)]))


def test_an_array_for_a_model_has_nan_where_nothing_was_measured() -> None:
    data = geotiff(STORED, (0.1, 0.0), nodata=5)
    side = make_side(channels=1, value_range=(0.0, 2.0), nodata="file")
    np.testing.assert_array_equal(np.isnan(decode_side(data, side)[..., 0]), HOLES)
    number = make_side(channels=1, value_range=(0.0, 2.0), nodata=5.0)
    with pytest.raises(UserError, match=r"^states a scale and offset, beside which the model's"):
        decode_side(data, number)


SIDE = {"channels": 1, "value_range": (-40.0, 260.0)}


def write_pairs(root: Path, num_scaled: int) -> dict[str, np.ndarray]:
    """Temperatures: of the first files as scaled integers, of the others as they are. B are NPY."""
    images = {}
    for index in range(NUM_PAIRS):
        stored = blocks(index, 1, 0, 3000)[..., 0].astype(np.uint16)
        scale = (0.1, 0.05)[index % 2]
        data = geotiff(stored, (scale, -40.0)) if index < num_scaled else tiff(stored)
        images[str(index)] = (stored * scale - 40.0).astype(np.float32)
        write(root / f"A/{index}.tif", data)
        write(root / f"B/{index}.npy", npy(blocks(index + 50, 1, 0, 255).astype(np.uint8)))
    return images


def test_files_of_unlike_scales_are_prepared_and_read_in_their_units(tmp_path: Path) -> None:
    expected = write_pairs(tmp_path / "raw", NUM_PAIRS)
    sides = make_config(
        side_a=make_side(**SIDE), side_b=make_side(channels=1), image_size=SIZE, load_size=SIZE
    )
    for pair_id, (image, _) in prepared(tmp_path / "raw", sides).items():
        np.testing.assert_array_equal(image[..., 0], expected[pair_id])
    read = read_side(tmp_path / "raw/A/1.tif", sides.side_a)
    np.testing.assert_array_equal(read.pixels[..., 0], expected["1"])


@pytest.mark.parametrize(
    ("num_scaled", "said"),
    [
        (5, "A/5.tif: side A is uint16, most are float32; it states no scale and offset, as other"),
        (1, "A/0.tif: side A is float32, most are uint16; it states a scale and offset, which the"),
    ],
)
def test_a_file_that_lacks_the_scale_of_the_others_is_reported(
    tmp_path: Path, num_scaled: int, said: str
) -> None:
    write_pairs(tmp_path, num_scaled)
    side = make_side(channels=1, value_range=(-40.0, 3000.0))
    sides = make_config(side_a=side, side_b=make_side(channels=1))
    report = check_pairs(tmp_path, sides, num_workers=1)
    (mixed,) = [item for item in report.offences if item.kind == "mixed_dtype"]
    assert str(mixed).startswith(said)


def test_a_range_is_asked_for_where_integers_are_scaled(tmp_path: Path) -> None:
    write_pairs(tmp_path, NUM_PAIRS)
    report = check_pairs(tmp_path, config(channels=1), num_workers=1)
    assert "no_value_range" in {item.kind for item in report.offences}
