"""Every offence of a data set, in one report."""

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2pix.preparation.checks import check_pairs
from pix2pix.preparation.offences import REMEDIES
from pix2pix.preparation.report import as_dict, format_report
from tests.support.drawn_pairs import (
    SIZE,
    draw,
    make_config,
    save_pair,
    split_of,
    write_clips,
    write_sound,
)
from tests.support.small_sets import save


def planted(root: Path) -> dict[str, str]:
    """Spoil a sound set in every way a set in two folders can be; kind by pair."""
    write_sound(root)
    ids, photo = draw(300)
    whole = io.BytesIO()
    Image.fromarray(photo).save(whole, format="JPEG")
    save(root / "A/train/cut.png", ids)
    (root / "B/train/cut.jpg").write_bytes(whole.getvalue()[:-200])
    save(root / "A/train/text.png", ids)
    (root / "B/train/text.png").write_text("no image")
    save(root / "A/train/lone.png", ids)
    save_pair(root, "train/twice", *draw(301))
    save(root / "B/train/twice.npy", photo)
    save_pair(root, "stray", *draw(302))
    save_pair(root, "train/sizes", ids, draw(303, size=44)[1])
    save_pair(root, "train/grey", ids, photo[..., :1])
    save(root / "A/train/deep.png", draw(304)[0])
    save(root / "B/train/deep.npy", draw(304)[1].astype(np.uint16))
    save_pair(root, "train/flat", draw(305)[0], np.full_like(photo, 7))
    save_pair(root, "train/void", np.where(ids == 3, 255, ids).astype(np.uint8), draw(306)[1])
    save_pair(root, "train/bright", draw(307)[0], np.where(photo > 230, 255, photo).astype("u1"))
    save_pair(root, "train/small", *draw(308, size=28))
    save_pair(root, "train/copy", *draw(200))
    brighter = draw(201)[1] + np.uint8(5)
    save_pair(root, "dev/like", draw(201)[0], brighter)
    return {
        "train/cut": "unreadable",
        "train/text": "unreadable",
        "train/lone": "missing_partner",
        "train/twice": "same_stem",
        "stray": "outside_split_folders",
        "train/sizes": "size_mismatch",
        "train/grey": "wrong_channels",
        "train/deep": "mixed_dtype",
        "train/flat": "constant_image",
        "train/void": "label_values",
        "train/bright": "out_of_range",
        "train/small": "too_small",
        "train/copy": "duplicate_across_splits",
        "dev/like": "near_duplicate_across_splits",
    }


@pytest.mark.parametrize("num_workers", [1, 2])
def test_every_offence_is_found_and_nothing_else(tmp_path: Path, num_workers: int) -> None:
    expected = planted(tmp_path)

    report = check_pairs(tmp_path, make_config(), num_workers=num_workers)

    found = [(pair_id, item.kind) for item in report.offences for pair_id in item.pair_ids]
    assert sorted(found) == sorted(expected.items())
    sound = [pair.files.pair_id for pair in report.pairs]
    assert sound == sorted(
        [f"{split}/{index}" for split in ("dev", "test") for index in range(2)]
        + [f"train/{index}" for index in range(6)]
    )
    assert report.num_found == len(sound) + len(expected)
    assert report.dtypes == ("uint8", "uint8")


def test_the_report_names_each_offender_and_reads_back_as_json(tmp_path: Path) -> None:
    expected = planted(tmp_path)
    report = check_pairs(tmp_path, make_config())

    text = format_report(report)
    read = json.loads(json.dumps(as_dict(report)))

    assert text.startswith("24 pairs found, 10 sound (6 train, 2 dev, 2 test), 14 offences\n")
    assert str(tmp_path) not in text
    for pair_id, kind in expected.items():
        assert f"{kind.replace('_', ' ')} (" in text
        assert pair_id in text
        listed = [name for item in read["offences"][kind]["items"] for name in item["pairs"]]
        assert pair_id in listed
    assert read["num_by_split"] == {"train": 6, "dev": 2, "test": 2}


def test_masks_of_two_values_are_told_to_keep_them_and_not_to_make_objects_void(
    tmp_path: Path,
) -> None:
    for index in range(4):
        ids, photo = draw(index)
        save_pair(tmp_path, str(index), (ids > 1).astype(np.uint8) * 255, photo)
    config = make_config(side_a=replace(make_config().side_a, num_labels=2))
    offences = check_pairs(tmp_path, config).offences
    assert [item.kind for item in offences][:4] == ["mask_values"] * 4
    assert "it holds 255; num_labels is 2" in offences[0].message
    remedy = REMEDIES["mask_values"]
    assert remedy.index("num_labels: null") < remedy.index("void_label")
    as_they_are = make_config(side_a=replace(make_config().side_a, num_labels=None))
    assert check_pairs(tmp_path, as_they_are).offences == ()


def test_a_long_list_is_cut_for_the_console_only(tmp_path: Path) -> None:
    write_sound(tmp_path)
    for index in range(23):
        for side in "AB":
            (tmp_path / side / f"train/bad{index}.png").write_bytes(b"")
    report = check_pairs(tmp_path, make_config())

    assert "  ... and 3 more" in format_report(report).splitlines()
    assert as_dict(report)["offences"]["unreadable"]["count"] == 23


def test_an_odd_width_is_found_side_by_side(tmp_path: Path) -> None:
    for index in range(4):
        save(tmp_path / f"{index}.png", np.hstack([draw(index)[1], draw(index + 9)[1]]))
    save(tmp_path / "odd.png", draw(20, size=80)[1][:, :79])
    config = make_config(layout="side_by_side", side_a=make_config().side_b)

    report = check_pairs(tmp_path, config)

    assert [(item.kind, item.pair_ids) for item in report.offences] == [("odd_width", ("odd",))]


def test_floats_need_a_declared_range(tmp_path: Path) -> None:
    for index in range(4):
        save(tmp_path / f"A/{index}.png", draw(index)[0])
        save(tmp_path / f"B/{index}.npy", draw(index)[1].astype(np.float32) / 240)
    config = make_config(side_b=replace(make_config().side_b, value_range=None))

    report = check_pairs(tmp_path, config)

    assert [(item.kind, item.pair_ids) for item in report.offences] == [("no_value_range", ())]
    assert report.is_beyond_excluding
    narrow = make_config(side_b=replace(make_config().side_b, value_range=(0.0, 0.5)))
    kinds = {item.kind for item in check_pairs(tmp_path, narrow).offences}
    assert kinds == {"out_of_range", "too_few_pairs"}


@pytest.mark.parametrize("kind", ["unreadable", "missing_partner"])
def test_a_test_folder_without_a_sound_pair_is_not_replaced_by_training_pairs(
    tmp_path: Path, kind: str
) -> None:
    write_sound(tmp_path)
    for index in range(2):
        path = tmp_path / f"A/test/{index}.png"
        if kind == "unreadable":
            path.write_bytes(b"")
        else:
            path.unlink()

    report = check_pairs(tmp_path, make_config())

    assert [item.kind for item in report.offences] == [kind, kind, "too_few_pairs"]
    assert report.pairs == ()


@pytest.mark.parametrize("split", ["train", "dev"])
def test_where_all_pairs_of_a_folder_lie_in_the_test_folder_too_each_copy_is_named(
    tmp_path: Path, split: str
) -> None:
    write_sound(tmp_path)
    for side in "AB":
        shutil.rmtree(tmp_path / side / "test")
        shutil.copytree(tmp_path / side / split, tmp_path / side / "test")
    copies = {path.stem for path in (tmp_path / "A" / split).iterdir()}

    report = check_pairs(tmp_path, make_config())

    assert {item.kind for item in report.offences} == {"duplicate_across_splits"}
    named = {pair_id for item in report.offences for pair_id in item.pair_ids}
    assert named == {f"{split}/{name}" for name in copies}


def test_too_few_sound_pairs_raise_where_nothing_else_is_wrong(tmp_path: Path) -> None:
    save_pair(tmp_path, "1", *draw(1))

    with pytest.raises(ValueError, match=r"at least 3 pairs or groups, and 1 were found"):
        check_pairs(tmp_path, make_config())


def test_leaving_bad_pairs_out_moves_no_sound_one(tmp_path: Path) -> None:
    write_clips(tmp_path, 20)
    before = split_of(tmp_path)
    assert set(before.values()) == {"train", "dev", "test"}
    for name in ("clip3_0", "clip4_1", "clip17_0"):
        (tmp_path / f"A/{name}.png").write_bytes(b"")
    save_pair(tmp_path, "late", draw(0)[0], draw(1)[1][:32])
    after = split_of(tmp_path, on_bad_pair="exclude")
    assert after == {name: before[name] for name in before if name in after}
    assert len(after) == len(before) - 3


def test_who_stands_in_for_an_empty_split_is_a_note(tmp_path: Path) -> None:
    write_clips(tmp_path, 2)
    fractions = {"dev_fraction": 0.01, "test_fraction": 0.01}
    report = check_pairs(tmp_path, make_config(**fractions), num_workers=1)
    stand_ins = {pair.split: pair.files.pair_id for pair in report.pairs if pair.split != "train"}
    dev, test = report.notes
    assert dev.startswith("no pair falls into dev by its own hash")
    assert f": {stand_ins['dev']} is used there" in dev
    assert test.startswith("no pair falls into test by its own hash")
    assert f": {stand_ins['test']} is used there" in test


def test_what_is_only_odd_is_a_note(tmp_path: Path) -> None:
    write_sound(tmp_path)
    save_pair(tmp_path, "train/again", *draw(0))
    save_pair(tmp_path, "train/blank", np.zeros((SIZE, SIZE, 1), np.uint8), draw(400)[1])
    save_pair(tmp_path, "train/wide", draw(401)[0][:36], draw(401)[1][:36])
    (tmp_path / "A/readme.txt").touch()

    report = check_pairs(tmp_path, make_config())

    assert report.offences == ()
    assert list(report.notes) == [
        "ignored 1 file of other kinds: A/readme.txt",
        "1 pair is not square and will be squeezed: train/wide",
        "1 pair appears again within the same split: train/again",
        "1 pair has a label map or mask of a single value: train/blank",
    ]
