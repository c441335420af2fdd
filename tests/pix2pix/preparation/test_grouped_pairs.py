"""Pairs that belong together, as frames of a clip: they stay in one split."""

from pathlib import Path

import numpy as np
import pytest

from pix2pix.preparation.checks import check_pairs
from pix2pix.preparation.report import format_report
from tests.support.drawn_pairs import draw, make_config, save_pair, split_of, write_clips


def test_frames_of_a_clip_that_are_alike_are_no_leak_where_they_are_a_group(tmp_path: Path) -> None:
    write_clips(tmp_path, 24)
    for clip in range(24):
        ids, photo = draw(10 * clip)
        save_pair(tmp_path, f"clip{clip}_1", ids, photo + np.uint8(3))
    alone = check_pairs(tmp_path, make_config(), num_workers=1)
    assert {item.kind for item in alone.offences} == {"near_duplicate_across_splits"}
    together = check_pairs(tmp_path, make_config(group=r"(clip\d+)_"), num_workers=1)
    assert together.offences == ()
    splits = {pair.files.pair_id: pair.split for pair in together.pairs}
    assert all(splits[f"clip{clip}_0"] == splits[f"clip{clip}_1"] for clip in range(24))
    assert set(splits.values()) == {"train", "dev", "test"}


def test_like_frames_of_two_clips_on_two_sides_are_named_with_their_clips(tmp_path: Path) -> None:
    write_clips(tmp_path, 12)
    splits = split_of(tmp_path, group=r"(clip\d+)_")
    (train, test) = (
        next(name[:-2] for name, split in splits.items() if split == wanted)
        for wanted in ("train", "test")
    )
    save_pair(tmp_path, f"{train}_0", *draw(10 * int(test.removeprefix("clip"))))
    config = make_config(group=r"(clip\d+)_", on_bad_pair="exclude")
    report = check_pairs(tmp_path, config, num_workers=1)
    (leak,) = report.offences
    assert (leak.kind, leak.pair_ids) == ("duplicate_across_splits", (f"{train}_0",))
    assert f"in train (group '{train}') and in test (group '{test}')" in leak.message
    kept = {pair.files.pair_id: pair.split for pair in report.pairs}
    assert kept == {name: split for name, split in splits.items() if name != f"{train}_0"}


def test_a_group_that_the_folders_cut_is_an_offence_and_test_keeps_it(tmp_path: Path) -> None:
    write_clips(tmp_path, 8, folder="train/")
    save_pair(tmp_path, "test/clip3_9", *draw(900))
    report = check_pairs(tmp_path, make_config(group=r"(clip\d+)_"), num_workers=1)
    assert [(item.kind, item.pair_ids) for item in report.offences] == [
        ("group_across_splits", ("train/clip3_0",)),
        ("group_across_splits", ("train/clip3_1",)),
    ]
    save_pair(tmp_path, "test/clip3_8", *draw(910))
    first = check_pairs(tmp_path, make_config(group=r"(clip\d+)_"), num_workers=1).offences[0]
    assert first.paths == ("A/train/clip3_0.png", "A/test/clip3_8.png")  # the first of its kind
    left = split_of(tmp_path, group=r"(clip\d+)_", on_bad_pair="exclude")
    assert "test/clip3_9" in left
    assert "train/clip3_0" not in left
    by_folder = check_pairs(tmp_path, make_config(group=r"^(.*clip\d+)_"), num_workers=1)
    assert by_folder.offences == ()


@pytest.mark.parametrize("shift", [0, 3])
def test_a_copy_in_a_group_that_the_folders_cut_is_one_offence(tmp_path: Path, shift: int) -> None:
    write_clips(tmp_path, 8, folder="train/")
    ids, photo = draw(30)
    save_pair(tmp_path, "test/clip3_9", ids, photo + np.uint8(shift))
    report = check_pairs(tmp_path, make_config(group=r"(clip\d+)_"), num_workers=1)
    assert [(item.kind, item.pair_ids) for item in report.offences] == [
        ("group_across_splits", ("train/clip3_0",)),
        ("group_across_splits", ("train/clip3_1",)),
    ]


@pytest.mark.parametrize("on_bad_pair", ["fail", "exclude"])
def test_pairs_without_a_group_are_named_and_never_just_left_out(
    tmp_path: Path, on_bad_pair: str
) -> None:
    write_clips(tmp_path, 12)
    save_pair(tmp_path, "still", *draw(900))
    config = make_config(group=r"(clip\d+)_", on_bad_pair=on_bad_pair)
    report = check_pairs(tmp_path, config, num_workers=1)
    (offence,) = report.offences
    assert (offence.kind, offence.paths) == ("no_group", ("A/still.png", "B/still.png"))
    assert "finds no group in 'still'" in format_report(report)
    assert report.is_beyond_excluding
