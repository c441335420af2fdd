"""Pairs of one split that are those of another one."""

from pathlib import Path

import numpy as np
import pytest

from pix2pix.images.validity import Masked
from pix2pix.preparation.checks import check_pairs
from pix2pix.preparation.inspection import content_hash
from tests.support.drawn_pairs import draw, make_config, save_pair, split_of, write_sound

LEAKS = [
    # Where a pair appears again, and which of the two is left out.
    ("train/copy", "dev/0", 100, "train/copy"),
    ("train/copy", "test/0", 200, "train/copy"),
    ("dev/copy", "test/0", 200, "dev/copy"),
    ("test/copy", "train/0", 0, "train/0"),
]


@pytest.mark.parametrize(("copy", "of", "seed", "leaking"), LEAKS)
@pytest.mark.parametrize("shift", [0, 3])
def test_of_a_pair_in_two_splits_the_one_farther_from_test_leaks(
    tmp_path: Path, copy: str, of: str, seed: int, leaking: str, shift: int
) -> None:
    """Brighter by a shift, it is no equal pair, but 0 bits away from it."""
    write_sound(tmp_path)
    ids, photo = draw(seed)
    save_pair(tmp_path, copy, ids, photo + np.uint8(shift))
    report = check_pairs(tmp_path, make_config(near_duplicate_bits=0), num_workers=1)
    kept = of if leaking == copy else copy
    kind = "near_duplicate_across_splits" if shift else "duplicate_across_splits"
    assert [(leak.kind, leak.pair_ids, leak.paths) for leak in report.offences] == [
        (kind, (leaking,), (f"A/{leaking}.png", f"A/{kept}.png"))
    ]
    left = split_of(tmp_path, near_duplicate_bits=0, on_bad_pair="exclude")
    assert leaking not in left
    assert kept in left


def test_a_pair_leaks_once_and_the_first_of_several_like_it_is_named(tmp_path: Path) -> None:
    write_sound(tmp_path)
    for name in ("train/copy", "test/9"):
        save_pair(tmp_path, name, *draw(200))
    report = check_pairs(tmp_path, make_config(), num_workers=1)
    assert [leak.paths for leak in report.offences] == [("A/train/copy.png", "A/test/0.png")]


def test_a_split_whose_only_pair_leaks_gets_another_one(tmp_path: Path) -> None:
    for index in range(6):
        save_pair(tmp_path, f"train/{index}", *draw(index))
    save_pair(tmp_path, "test/0", *draw(200))
    (dev,) = (name for name, split in split_of(tmp_path).items() if split == "dev")
    save_pair(tmp_path, dev, *draw(200))
    left = split_of(tmp_path, on_bad_pair="exclude")
    assert dev not in left
    assert sorted(left.values()) == ["dev", "test", *["train"] * 4]


def test_a_copy_within_its_split_is_a_note_and_one_in_another_split_is_not(tmp_path: Path) -> None:
    write_sound(tmp_path)
    save_pair(tmp_path, "train/copy", *draw(0))
    save_pair(tmp_path, "train/leak", *draw(200))
    config = make_config(on_bad_pair="fail")
    notes = check_pairs(tmp_path, config, num_workers=1).notes
    assert [note for note in notes if "again within" in note] == [
        "1 pair appears again within the same split: train/copy"
    ]


def test_a_folder_valid_is_the_folder_val(tmp_path: Path) -> None:
    """Else the dev split would be trained on."""
    for number, name in enumerate(("train", "Valid", "TESTING")):
        for index in range(2):
            save_pair(tmp_path, f"{name}/{index}", *draw(10 * number + index))
    assert split_of(tmp_path) == {
        f"{folder}/{index}": split
        for folder, split in (("train", "train"), ("val", "dev"), ("test", "test"))
        for index in range(2)
    }


def test_pairs_are_told_apart_by_shape_and_by_which_pixels_have_a_value() -> None:
    pixels = np.zeros((4, 6, 1), np.uint8)
    valid = np.ones((4, 6), bool)
    holed = valid.copy()
    holed[1, 2] = False
    hashes = {
        content_hash(Masked(pixels)),
        content_hash(Masked(pixels.reshape(6, 4, 1))),
        content_hash(Masked(pixels, holed)),
        content_hash(Masked(pixels, ~holed)),
    }
    assert len(hashes) == 4
