"""Pixels without a value in a data set: what is checked, reported and stored."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from pix2pix.config import DataConfig
from pix2pix.data.manifest import load_manifest
from pix2pix.data.masks import NO_SOURCE, NO_TARGET, VALID
from pix2pix.data.prepared import open_split
from pix2pix.errors import UserError
from pix2pix.preparation.checks import check_pairs
from pix2pix.preparation.prepare import prepare_pairs
from pix2pix.preparation.report import format_report
from tests.support.small_sets import SIZE, make_config, make_side, noise, save

NUM_PAIRS = 6
RANGE = (0.0, 1.0)


def float_side(**changes: Any) -> Any:
    return make_side(**({"channels": 1, "value_range": RANGE, "nodata": "nan"} | changes))


def config_of(**changes: Any) -> DataConfig:
    return make_config(**({"side_a": float_side(), "side_b": float_side()} | changes))


def measured(seed: int, *, size: int = SIZE) -> np.ndarray:
    return noise(seed, 1, size=size, dtype="float32")


def write(root: Path, name: str, source: np.ndarray, target: np.ndarray) -> None:
    save(root / "A" / f"{name}.npy", source)
    save(root / "B" / f"{name}.npy", target)


def write_set(root: Path, hole: slice | None = slice(10, 20), value: float = np.nan) -> Path:
    """Pairs with a hole of some rows in their sources."""
    for index in range(NUM_PAIRS):
        source = measured(index)
        if hole is not None:
            source[hole] = value
        write(root, str(index), source, measured(100 + index))
    return root


def kinds(root: Path, config: DataConfig) -> list[str]:
    return [offence.kind for offence in check_pairs(root, config).offences]


def rows(valid: slice) -> np.ndarray:
    """An image of which only some rows have a value."""
    image = np.full((SIZE, SIZE, 1), np.nan, np.float32)
    image[valid] = measured(50)[valid]
    return image


@pytest.mark.parametrize(
    ("source", "target", "shares"),
    [
        (rows(slice(0)), measured(51), "100.0% of A and 0.0% of B"),
        (measured(51), rows(slice(0)), "0.0% of A and 100.0% of B"),
        (rows(slice(0, 20)), rows(slice(20, None)), "50.0% of A and 50.0% of B"),
    ],
    ids=["A", "B", "A and B together"],
)
@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_a_pair_of_which_nothing_is_left_is_bad(
    tmp_path: Path, source: np.ndarray, target: np.ndarray, shares: str, direction: str
) -> None:
    write(write_set(tmp_path), "none", source, target)
    config = config_of(direction=direction)
    (offence,) = check_pairs(tmp_path, config).offences
    assert offence.kind == "nothing_counts"
    assert str(offence) == (
        f"A/none.npy, B/none.npy: no pixel is left to score: {shares} have no value"
    )
    with pytest.raises(UserError, match=r"A/none\.npy"):
        prepare_pairs(tmp_path, tmp_path / "out", config)
    excluding = dataclasses.replace(config, on_bad_pair="exclude")
    manifest, _ = prepare_pairs(tmp_path, tmp_path / "out", excluding)
    assert "none" not in {name for split in manifest.splits.values() for name in split.pair_ids}


def test_a_pair_that_loses_its_last_pixels_in_resizing_is_bad(tmp_path: Path) -> None:
    """Of each square of 4 px one has a value, which is less than half of the resized pixel."""
    large = np.full((4 * SIZE, 4 * SIZE, 1), np.nan, np.float32)
    large[::4, ::4] = 0.5
    large[0, 0] = 0.1
    write(write_set(tmp_path), "sparse", large, measured(7, size=4 * SIZE))
    assert kinds(tmp_path, config_of()) == ["nothing_counts"]
    kept = config_of(resize="none", load_size=None)
    assert kinds(tmp_path, kept) == []


def test_a_set_of_which_nothing_is_left_is_one_error(tmp_path: Path) -> None:
    for index in range(NUM_PAIRS):
        write(tmp_path / "raw", str(index), rows(slice(0)), measured(index))
    config = config_of(on_bad_pair="exclude")
    with pytest.raises(UserError, match="no sound pair is left"):
        prepare_pairs(tmp_path / "raw", tmp_path / "out", config)
    assert not (tmp_path / "out").exists()


def test_the_report_says_what_is_left_out(tmp_path: Path) -> None:
    report = check_pairs(write_set(tmp_path), config_of())
    text = format_report(report)
    assert "side A: nodata: nan leaves out 25.00% of the pixels, in 6 pair(s): 0, 1" in text
    assert "side B: nodata: nan, which no pixel has" in text
    assert report.offences == ()


def test_values_without_meaning_are_neither_measured_nor_ranged(tmp_path: Path) -> None:
    """Without nodata they are reported, with the remedy; with nodata the set is sound."""
    write_set(tmp_path, value=-9999.0)
    side = float_side(nodata=None)
    (first, *_) = check_pairs(tmp_path, config_of(side_a=side)).offences
    assert first.kind == "no_data"
    assert "set nodata of the side" in format_report(check_pairs(tmp_path, config_of(side_a=side)))
    report = check_pairs(tmp_path, config_of(side_a=float_side(nodata=-9999.0)))
    assert report.offences == ()
    assert "-9999" not in report.sides[0]


def test_images_of_one_value_beside_the_mask_are_flat(tmp_path: Path) -> None:
    flat = np.where(measured(3) < 0.5, np.float32(0.25), np.float32(np.nan))
    write(write_set(tmp_path), "flat", flat, measured(51))
    assert kinds(tmp_path, config_of()) == ["constant_image"]


def test_a_mask_that_images_share_does_not_make_them_near_duplicates(tmp_path: Path) -> None:
    """Two thirds of every image have no value, such as beside the path of a satellite.

    The others are bright, so that the edge of the mask would be the strongest contrast.
    """
    for split in ("train", "test"):
        for index in range(4):
            seed = index + 10 * (split == "test")
            source, target = (0.8 + 0.2 * measured(each) for each in (seed, 100 + seed))
            source[:, 13:] = target[:, 13:] = np.nan
            write(tmp_path / split, str(index), source, target)
    config = config_of(near_duplicate_bits=12)
    assert kinds(tmp_path, config) == []


def test_copies_are_found_whatever_lies_under_their_masks(tmp_path: Path) -> None:
    target = measured(100)
    for split, garbage in (("train", np.nan), ("test", -5.0)):
        for index in range(4):
            source = measured(index + 10 * (split == "test"))
            if index == 0:
                source = measured(77)
                source[:9] = garbage
            write(
                tmp_path / split,
                str(index),
                source,
                target if index == 0 else measured(seed_of(split, index)),
            )
    config = config_of(side_a=float_side(nodata=-5.0))
    assert kinds(tmp_path, config) == ["duplicate_across_splits"]


def seed_of(split: str, index: int) -> int:
    return 200 + index + 50 * (split == "test")


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
    silent = "1 file(s) state no nodata value, so that only NaN is left out: 0"
    assert f"side A: {silent}" in report.notes
    assert f"side B: {silent}" in report.notes
