"""Pixels without a value in a data set: what is checked and reported."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tifffile

from pix2pix.config import DataConfig
from pix2pix.errors import UserError
from pix2pix.preparation.checks import check_pairs
from pix2pix.preparation.prepare import prepare_pairs
from pix2pix.preparation.report import format_report
from tests.support.masked_set import (
    NUM_PAIRS,
    config_of,
    float_side,
    measured,
    rows,
    write,
    write_set,
)
from tests.support.small_sets import SIZE


def kinds(root: Path, config: DataConfig) -> list[str]:
    return [offence.kind for offence in check_pairs(root, config).offences]


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
    only_of_the_training = config_of(load_size=4 * SIZE)  # scores have the size of image_size
    assert kinds(tmp_path, only_of_the_training) == ["nothing_counts"]


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
    assert "side A: nodata: nan leaves out 25.00% of the pixels, in 6 pairs: 0, 1" in text
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


def test_masks_of_files_that_nothing_uses_are_noted(tmp_path: Path) -> None:
    valid = np.ones((SIZE, SIZE), np.bool_)
    valid[:5] = False
    for index in range(NUM_PAIRS):
        for side in "AB":
            path = tmp_path / side / f"{index}.tif"
            path.parent.mkdir(exist_ok=True)
            with tifffile.TiffWriter(path) as writer:
                image = measured(index + 99 * (side == "B"))[..., 0]
                writer.write(image, photometric="minisblack", metadata=None)
                if side == "B":
                    writer.write(valid, photometric="mask", subfiletype=4, metadata=None)
    config = config_of(side_b=float_side(nodata=None))
    (note,) = [text for text in check_pairs(tmp_path, config).notes if "hold a mask" in text]
    assert note.startswith("side B: 6 TIFF files hold a mask of pixels without a value, which is")
    assert "set nodata: file for this side" in note
    notes = check_pairs(tmp_path, config_of(side_b=float_side(nodata="file"))).notes
    assert not [text for text in notes if "a mask" in text]
    assert f"{5 / SIZE:.2%} of the pixels" in " ".join(notes)
