"""Translation of images of which some pixels have no value."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch

from pix2pix.data.manifest import SideRecord, load_manifest
from pix2pix.data.masks import NO_SOURCE
from pix2pix.data.prepared import open_split
from pix2pix.data.ranges import from_network, to_network
from pix2pix.errors import UserError
from pix2pix.images.resize import resize
from pix2pix.images.scale import from_scale
from pix2pix.images.stored import as_written
from pix2pix.images.validity import Masked
from pix2pix.inference import Translator
from pix2pix.inference.answers import translated_values
from pix2pix.models import GeneratorConfig, translate
from pix2pix.preparation.prepare import prepare_pairs
from tests.support.masked_pairs import (
    constant,
    masked_params,
    measured_side,
    write_masked_pairs,
)
from tests.support.translators import force_tiles, make_translator

SOURCE = SideRecord("image", 1, "float32", (100.0, 900.0), "area", nodata="nan")
TARGET = SideRecord("image", 2, "float32", (-3.0, 5.0), "area")
WITH_VALUE = replace(TARGET, nodata=-9999.0)


def image_with_hole(garbage: float, *, size: tuple[int, int] = (50, 47)) -> np.ndarray:
    rng = np.random.default_rng(0)
    image = rng.uniform(100, 900, (*size, 1)).astype(np.float32)
    image[hole(size)] = garbage
    return image


def hole(size: tuple[int, int]) -> np.ndarray:
    where = np.random.default_rng(1).random(size) < 0.1
    where[10:30, 5:25] = True
    return where


def translator(folder: Path, source: SideRecord, target: SideRecord, **changes: Any) -> Translator:
    return make_translator(folder, "deterministic", source=source, target=target, **changes)


@pytest.mark.parametrize("scale", ["training", "native"])
def test_what_lies_under_the_mask_changes_no_bit_of_a_translation(
    tmp_path: Path, scale: str
) -> None:
    results = [
        translator(tmp_path, replace(SOURCE, nodata=nodata), WITH_VALUE).translate(
            image_with_hole(garbage), scale=scale
        )
        for nodata, garbage in (("nan", np.nan), (1e30, 1e30), (-9999.0, -9999.0), (7.0, np.nan))
    ]
    for result in results:
        np.testing.assert_array_equal(result, results[0])
        assert (result[hole((50, 47))] == -9999).all()
        kept = result[~hole((50, 47))]
        assert kept.min() >= -3
        assert kept.max() <= 5


def test_the_network_sees_what_it_saw_in_training(tmp_path: Path) -> None:
    """That is the low end of the range; all pixels with a value have the network's answer."""
    masked = translator(tmp_path, SOURCE, WITH_VALUE).translate(
        image_with_hole(np.nan), scale="native"
    )
    plain = translator(tmp_path, replace(SOURCE, nodata=None), TARGET)
    filled = plain.translate(image_with_hole(100.0), scale="native")
    inside = hole((50, 47))
    np.testing.assert_array_equal(masked[~inside], filled[~inside])


def test_a_target_without_a_nodata_value_keeps_what_was_generated(tmp_path: Path) -> None:
    result = translator(tmp_path, SOURCE, TARGET).translate(image_with_hole(np.nan))
    assert np.isfinite(result).all()
    assert result.min() >= -3
    assert result.max() <= 5


@pytest.mark.parametrize("size", [(50, 47), (200, 31), (16, 16)])
def test_what_is_generated_without_a_source_gets_into_no_other_pixel(
    size: tuple[int, int],
) -> None:
    where = hole((32, 32))
    answer = np.where(where[..., None], [900.0, -900.0], [3.0, 1.0]).astype(np.float32)
    valid = np.ones(size, bool)
    valid[0] = False
    values = translated_values(Masked(answer, ~where), valid, WITH_VALUE, size=size)
    assert (values[0] == -9999).all()
    nearest = resize(~where[..., None], *size, kernel="nearest")[..., 0]
    kept = values[1:][nearest[1:]]
    np.testing.assert_allclose(kept, np.broadcast_to([3, 1], kept.shape), atol=1e-3)


def test_files_are_translated_as_the_prepared_images_were_scored(tmp_path: Path) -> None:
    params = masked_params(side_b=measured_side(nodata=-9999.0))
    prepare_pairs(
        write_masked_pairs(tmp_path / "raw", constant(np.nan)), tmp_path / "prepared", params.data
    )
    manifest, test = load_manifest(tmp_path / "prepared"), open_split(tmp_path / "prepared", "test")
    assert test.mask is not None
    model = translator(
        tmp_path / "model",
        manifest.source,
        manifest.target,
        generator=GeneratorConfig(source_channels=1, target_channels=1, base_channels=2, depth=5),
    )
    for row, pair_id in enumerate(test.pair_ids):
        raw = torch.from_numpy(np.array(test.source[row])[None])
        source = to_network(raw, manifest.source.value_range).contiguous()
        fake = translate(model.network, source, seeds=[0])
        drawn = from_network(fake, value_range=manifest.target.value_range, dtype="float32")[0]
        path = tmp_path / "raw" / "test" / "A" / f"{Path(pair_id).name}.tif"
        stored = tifffile.imread(path)
        has_source = np.asarray(test.mask[row])[..., 0] != NO_SOURCE
        resized = from_scale(Masked(drawn, has_source), manifest.target, *stored.shape)
        expected = np.where(np.isnan(stored)[..., None], np.float32(-9999), resized.pixels)
        np.testing.assert_allclose(model.translate_file(path), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (replace(TARGET, nodata="nan"), np.nan),
        (replace(TARGET, nodata="file", stated_nodata=-1.5), -1.5),
        (replace(TARGET, nodata=-9999.0, file_dtype="int16"), -9999.0),
        (SideRecord("labels", 2, "uint8", (0.0, 255.0), "nearest", ignore_label=255), 255),
    ],
)
def test_results_hold_the_mark_of_the_target_side(
    tmp_path: Path, target: SideRecord, expected: float
) -> None:
    result = translator(tmp_path, SOURCE, target).translate(image_with_hole(np.nan))
    inside = hole((50, 47))
    np.testing.assert_array_equal(result[inside], np.full((inside.sum(), 2), expected))
    assert (result[~inside] <= 254).all()


@pytest.mark.parametrize(
    ("changes", "nodata", "expected"),
    [
        ({"dtype": "uint8", "value_range": (0.0, 255.0)}, 0.0, [1, 1, 2, 254, 255]),
        ({"dtype": "uint8", "value_range": (0.0, 255.0)}, 255.0, [0, 1, 2, 254, 254]),
        ({"value_range": (0.0, 255.0)}, 0.0, [2e-6 * 255, 1, 2, 254, 255]),
        ({"value_range": (0.0, 255.0), "file_dtype": "int16"}, 1.0, [0, 2, 2, 254, 255]),
        ({"value_range": (0.0, 255.0)}, "nan", [0, 1, 2, 254, 255]),
        ({"value_range": (0.0, 255.0)}, -9999.0, [0, 1, 2, 254, 255]),
    ],
)
def test_what_was_generated_is_never_the_mark_of_missing_pixels(
    changes: dict[str, Any], nodata: Any, expected: list[float]
) -> None:
    """The mark is written with the file, whether or not the source misses pixels."""
    target = replace(TARGET, channels=1, nodata=nodata, **changes)
    answer = np.array([0, 1, 2, 254, 255], target.dtype).reshape(1, 5, 1)
    for valid in (None, np.array([[True] * 4 + [False]])):
        values = translated_values(Masked(answer, valid), valid, target, size=(1, 5)).ravel()
        assert values.dtype == target.dtype
        kept = 5 if valid is None else 4
        np.testing.assert_array_equal(values[:kept], np.array(expected[:kept], values.dtype))
        np.testing.assert_array_equal(values[kept:], [float(nodata)] * (5 - kept))


@pytest.mark.parametrize("nodata", [0.0, 5.0, 200.0, 255.0])
def test_no_generated_float_is_a_hole_for_gdal(nodata: float) -> None:
    """Its ARE_REAL_EQUAL (gdal_priv_templates.hpp): |a - b| < eps |a + b| 2."""
    target = replace(TARGET, channels=1, nodata=nodata, value_range=(0.0, 255.0))
    near = np.float32(nodata) + np.arange(-12, 13) * np.spacing(np.float32(max(nodata, 1e-3)))
    answer = near.clip(0, 255).astype(np.float32).reshape(1, -1, 1)
    values = translated_values(Masked(answer), None, target, size=(1, answer.size)).astype(float)
    is_equal = np.abs(values - nodata) < np.finfo(np.float32).eps * np.abs(values + nodata) * 2
    assert not is_equal.any()
    assert not (values == nodata).any()
    assert (np.abs(values - answer) < 0.01).all()
    assert ((values >= 0) & (values <= 255)).all()


@pytest.mark.parametrize(
    ("value_range", "mark", "answer", "written"),
    [
        ((-3.0, 5.0), 0.0, [0.4, -0.4, 0.6, -3.0], [1, 1, 1, -3]),
        ((0.4, 5.0), 0.0, [0.4, 0.6], [1, 1]),
        ((-3.0, 4.6), 5.0, [4.6, 4.4], [4, 4]),
    ],
    ids=["inside", "below the range", "above the range"],
)
def test_a_value_that_files_round_to_the_mark_is_moved_as_well(
    value_range: tuple[float, float], mark: float, answer: list[float], written: list[int]
) -> None:
    marked = {"nodata": "file", "stated_nodata": mark, "file_dtype": "int16"}
    target = replace(TARGET, channels=1, value_range=value_range, **marked)
    pixels = np.array(answer, np.float32).reshape(1, -1, 1)
    values = translated_values(Masked(pixels), None, target, size=pixels.shape[:2])
    np.testing.assert_array_equal(as_written(values, "int16").ravel(), written)


def test_an_ignored_class_stays_what_the_network_says() -> None:
    target = SideRecord("labels", 1, "uint8", (0.0, 4.0), "nearest", num_labels=5, ignore_label=4)
    answer = np.array([[[3], [4]]], np.uint8)
    np.testing.assert_array_equal(
        translated_values(Masked(answer), None, target, size=(1, 2)), answer
    )


def test_twice_as_large_results_have_twice_as_large_holes(tmp_path: Path) -> None:
    model = translator(tmp_path, SOURCE, WITH_VALUE, target_scale=2.0)
    result = model.translate(image_with_hole(np.nan))
    assert result.shape == (100, 94, 2)
    expected = hole((50, 47)).repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_array_equal(result[..., 0] == -9999, expected)


def test_ignored_labels_of_the_source_are_left_out(tmp_path: Path) -> None:
    source = SideRecord("labels", 1, "uint8", (0.0, 4.0), "nearest", num_labels=5, ignore_label=255)
    ids = np.random.default_rng(2).integers(0, 5, (40, 40, 1), dtype=np.uint8)
    ids[:7] = 255
    result = translator(tmp_path, source, WITH_VALUE).translate(ids)
    np.testing.assert_array_equal(result[..., 0] == -9999, ids[..., 0] == 255)


def test_an_image_in_tiles_has_the_same_holes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = translator(tmp_path, SOURCE, WITH_VALUE)
    image = image_with_hole(np.nan, size=(130, 150))
    whole = model.translate(image, scale="native")
    force_tiles(monkeypatch)
    tiled = model.translate(image, scale="native")
    np.testing.assert_array_equal(tiled == -9999, whole == -9999)
    np.testing.assert_allclose(tiled, whole, atol=1e-4)


def test_nan_is_refused_by_a_model_without_nodata(tmp_path: Path) -> None:
    model = translator(tmp_path, replace(SOURCE, nodata=None), TARGET)
    with pytest.raises(UserError, match="cannot translate this image: it holds NaN or infinite"):
        model.translate(image_with_hole(np.nan))


def test_infinite_values_are_refused_by_every_model(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot translate this image: it holds NaN or infinite"):
        translator(tmp_path, SOURCE, TARGET).translate(image_with_hole(np.inf))
