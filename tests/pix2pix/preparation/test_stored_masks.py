"""Pixels without a value in a data set: what is stored."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from pix2pix.data.manifest import load_manifest
from pix2pix.data.masks import NO_SOURCE, NO_TARGET, VALID
from pix2pix.data.prepared import open_split
from pix2pix.preparation.prepare import prepare_pairs
from tests.support.masked_set import NUM_PAIRS, config_of, float_side, measured, write, write_set
from tests.support.small_sets import SIZE, make_config, make_side, noise, save


def test_there_is_no_mask_unless_a_side_declares_one(tmp_path: Path) -> None:
    write_set(tmp_path / "raw", hole=None)
    plain = config_of(side_a=float_side(nodata=None), side_b=float_side(nodata=None))
    prepare_pairs(tmp_path / "raw", tmp_path / "plain", plain)
    prepare_pairs(tmp_path / "raw", tmp_path / "masked", config_of())
    for split in ("train", "dev", "test"):
        without, with_mask = (open_split(tmp_path / name, split) for name in ("plain", "masked"))
        assert without.mask is None
        assert with_mask.mask is not None
        assert not np.asarray(with_mask.mask).any()
        np.testing.assert_array_equal(without.source, with_mask.source)
        assert without.pair_ids == with_mask.pair_ids
    assert not load_manifest(tmp_path / "plain").is_masked


@pytest.mark.parametrize(
    "rule",
    [
        {"resize": "stretch", "image_size": 32, "load_size": 32},
        {"resize": "fit", "image_size": 32, "load_size": 40},
        {"resize": "none", "image_size": 32, "load_size": None},
    ],
    ids=["stretch", "fit", "none"],
)
def test_every_rule_stores_the_mask_with_the_pixels(tmp_path: Path, rule: dict[str, Any]) -> None:
    """Squares of 20 px: without a source at the top left, without a target at the right."""
    for index in range(NUM_PAIRS):
        source, target = measured(index, size=80), measured(100 + index, size=80)
        source[:20, :20] = np.nan
        target[:, 60:] = np.nan
        write(tmp_path / "raw", str(index), source, target)
    prepare_pairs(tmp_path / "raw", tmp_path / "out", config_of(**rule))
    for split in ("train", "dev", "test"):
        pairs = open_split(tmp_path / "out", split)
        assert pairs.mask is not None
        mask = np.asarray(pairs.mask[0])[..., 0]
        assert mask.shape == pairs.source[0].shape[:2]
        quarter = len(mask) // 4
        expected = np.full(mask.shape, VALID)
        expected[:, 3 * quarter :] = NO_TARGET
        expected[:quarter, :quarter] = NO_SOURCE
        np.testing.assert_array_equal(mask, expected)
        assert (pairs.source[0][mask == NO_SOURCE] == 0).all()
        assert (pairs.target[0][mask != VALID] == 0).all()
        assert (pairs.source[0][mask == NO_TARGET] > 0).mean() > 0.9


def test_a_smaller_source_brings_its_mask_to_the_size_of_the_target(tmp_path: Path) -> None:
    for index in range(NUM_PAIRS):
        source = measured(index)
        source[10:20, :] = np.nan
        write(tmp_path / "raw", str(index), source, measured(100 + index, size=2 * SIZE))
    config = config_of(side_b=float_side(scale=2.0), resize="none", load_size=None, image_size=32)
    prepare_pairs(tmp_path / "raw", tmp_path / "out", config)
    pairs = open_split(tmp_path / "out", "train")
    assert pairs.mask is not None
    mask = np.asarray(pairs.mask[0])[..., 0]
    assert mask.shape == (2 * SIZE, 2 * SIZE)
    np.testing.assert_array_equal(mask[20:40], NO_SOURCE)
    assert not mask[:20].any()
    assert not mask[40:].any()


def test_a_pixel_that_is_cut_off_is_cut_off_the_mask(tmp_path: Path) -> None:
    for index in range(NUM_PAIRS):
        source = measured(index)
        source[3:9] = np.nan
        target = measured(100 + index)[:-1]
        write(tmp_path / "raw", str(index), source, target)
    prepare_pairs(tmp_path / "raw", tmp_path / "out", config_of(resize="none", load_size=None))
    mask = open_split(tmp_path / "out", "train").mask
    assert mask is not None
    assert np.asarray(mask[0]).shape == (SIZE - 1, SIZE, 1)
    assert np.flatnonzero(np.asarray(mask[0])[:, 0, 0]).tolist() == [3, 4, 5, 6, 7, 8]


def test_both_halves_of_a_file_have_masks(tmp_path: Path) -> None:
    for index in range(NUM_PAIRS):
        pair = np.concatenate([measured(index), measured(100 + index)], axis=1)
        pair[:5, :SIZE] = np.nan
        pair[-5:, SIZE:] = np.nan
        path = tmp_path / "raw" / f"{index}.tif"
        path.parent.mkdir(exist_ok=True)
        tifffile.imwrite(path, pair[..., 0])
    config = config_of(layout="side_by_side", resize="none", load_size=None)
    prepare_pairs(tmp_path / "raw", tmp_path / "out", config)
    mask = open_split(tmp_path / "out", "train").mask
    assert mask is not None
    assert np.asarray(mask[0])[:, 0, 0].tolist() == [2] * 5 + [0] * 30 + [1] * 5


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("nan", None, [NO_SOURCE, VALID, VALID]),
        (None, 0.5, [VALID, VALID, NO_TARGET]),
        ("nan", 0.5, [NO_SOURCE, VALID, NO_TARGET]),
        (0.25, 0.5, [VALID, NO_SOURCE, NO_TARGET]),
    ],
)
def test_each_half_of_a_file_has_the_nodata_of_its_side(
    tmp_path: Path, left: Any, right: Any, expected: list[int]
) -> None:
    """0.25 and 0.5 are in both halves, and NaN only in the left one."""
    for index in range(NUM_PAIRS):
        source, target = measured(index), measured(100 + index)
        source[:10] = 0.75 if left is None else (np.nan if left == "nan" else 0.1)
        for image in (source, target):
            image[10:20], image[20:30] = 0.25, 0.5
        save(tmp_path / f"raw/{index}.npy", np.concatenate([source, target], axis=1))
    config = config_of(
        layout="side_by_side",
        resize="none",
        load_size=None,
        side_a=float_side(nodata=left),
        side_b=float_side(nodata=right),
    )
    prepare_pairs(tmp_path / "raw", tmp_path / "data", config)
    mask = np.asarray(open_split(tmp_path / "data", "train").mask[0])[..., 0]
    assert [set(mask[10 * row : 10 * row + 10].flat) for row in range(3)] == [{e} for e in expected]


def test_ignored_labels_are_a_mask(tmp_path: Path) -> None:
    for index in range(NUM_PAIRS):
        ids = (noise(index, 1, dtype="uint8") % 4).astype(np.uint8)
        ids[:8] = 255
        save(tmp_path / "raw" / "A" / f"{index}.png", noise(100 + index))
        save(tmp_path / "raw" / "B" / f"{index}.png", ids)
    labels = make_side(kind="labels", channels=1, num_labels=4, ignore_label=255)
    manifest, report = prepare_pairs(tmp_path / "raw", tmp_path / "out", make_config(side_b=labels))
    assert report.notes[0].startswith("side B: ignore_label: 255 leaves out 20.00% of the pixels")
    assert manifest.target.value_range == (0.0, 3.0)
    pairs = open_split(tmp_path / "out", "train")
    assert pairs.mask is not None
    mask = np.asarray(pairs.mask[0])
    assert 0.15 < (mask == NO_TARGET).mean() < 0.25
    assert pairs.target[0].max() == 3
    assert (pairs.target[0][mask == NO_TARGET] == 0).all()


def test_the_nodata_value_that_most_files_state_is_that_of_translations(tmp_path: Path) -> None:
    for index in range(NUM_PAIRS):
        text = "" if index == 0 else "-1" if index == 1 else "-32768"
        tags = [(42113, 2, 0, text, True)] if text else []
        image = (measured(index) * 1000).astype(np.int16)
        image[:5] = int(text or 7)
        for side in "AB":
            path = tmp_path / "raw" / side / f"{index}.tif"
            path.parent.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(path, (image + (side == "B") * (image > 0))[..., 0], extratags=tags)
    side = float_side(value_range=(0.0, 1001.0), nodata="file")
    config = config_of(side_a=side, side_b=side)
    manifest, report = prepare_pairs(tmp_path / "raw", tmp_path / "out", config)
    assert manifest.target.stated_nodata == -32768.0
    assert load_manifest(tmp_path / "out") == manifest
    silent = "1 file has neither a nodata value nor a mask, so that only NaN is left out: 0"
    assert f"side A: {silent}" in report.notes
    assert f"side B: {silent}" in report.notes
