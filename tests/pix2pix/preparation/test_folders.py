"""What is not read is named, and so is a name that is no UTF-8."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from pix2pix.images.names import printable, refuse_bad_names
from pix2pix.preparation.checks import check_pairs
from pix2pix.preparation.folders import SUFFIXES
from pix2pix.preparation.new_manifest import write_manifest
from pix2pix.preparation.prepare import prepare_pairs
from pix2pix.preparation.report import format_report
from tests.support.small_sets import NUM_PAIRS, make_config, noise, save

CAFE = os.fsdecode(b"caf\xe9.png")


def write_sound(root: Path, suffix: str = ".png") -> None:
    for index in range(NUM_PAIRS):
        save(root / f"A/{index}.png", noise(index))
        save(root / f"B/{index}{suffix}", noise(100 + index))


@pytest.mark.parametrize("suffix", [".webp", ".bmp", ".gif", ".JFIF"])
def test_no_pair_is_left_out_for_its_format(tmp_path: Path, suffix: str) -> None:
    for index in range(NUM_PAIRS):
        kind = suffix if index % 2 else ".png"
        save(tmp_path / f"A/{index}{kind}", noise(index))
        save(tmp_path / f"B/{index}{kind}", noise(100 + index))
    report = check_pairs(tmp_path, make_config(), num_workers=1)

    assert report.offences == ()
    assert len(report.pairs) == NUM_PAIRS
    assert suffix.lower() in SUFFIXES


def test_pictures_that_are_not_read_are_an_offence_each(tmp_path: Path) -> None:
    write_sound(tmp_path)
    (tmp_path / "B/1.png").rename(tmp_path / "B/1.heic")
    (tmp_path / "A/2.nef").touch()  # beside 2.png
    (tmp_path / "A/notes.txt").touch()
    report = check_pairs(tmp_path, make_config(), num_workers=1)

    assert [(item.kind, item.pair_ids, item.paths) for item in report.offences] == [
        ("unread_format", ("1",), ("B/1.heic",))
    ]
    assert report.num_found == NUM_PAIRS
    assert "ignored 2 files of other kinds: A/2.nef, A/notes.txt" in report.notes


def test_side_by_side_pictures_that_are_not_read_are_named_too(tmp_path: Path) -> None:
    for name in ("1.avif", "2.avif"):
        (tmp_path / name).touch()
    report = check_pairs(tmp_path, make_config(layout="side_by_side"), num_workers=1)

    assert [item.paths for item in report.offences] == [("1.avif",), ("2.avif",), ()]
    assert report.offences[-1].message == "no sound pair is left"


def test_a_name_that_is_no_utf_8_is_an_offence_and_can_be_left_out(tmp_path: Path) -> None:
    write_sound(tmp_path / "pairs")
    for side in ("A", "B"):
        save(tmp_path / "pairs" / side / CAFE, noise(ord(side)))
    save(tmp_path / "pairs/A" / os.fsdecode(b"\xff") / "x.png", noise(7))

    report = check_pairs(tmp_path / "pairs", make_config(), num_workers=1)

    assert [(item.kind, item.paths) for item in report.offences] == [
        ("bad_name", ("A/caf\\xe9.png", "B/caf\\xe9.png")),
        ("bad_name", ("A/\\xff/x.png",)),
    ]
    assert "rename it" in format_report(report)
    config = make_config(on_bad_pair="exclude")
    prepared = prepare_pairs(tmp_path / "pairs", tmp_path / "out", config, num_workers=1)
    excluded = {pair_id for offence in prepared.report.offences for pair_id in offence.pair_ids}
    assert excluded == {"caf\\xe9", "\\xff/x"}
    assert len(prepared.report.pairs) == NUM_PAIRS


def test_a_manifest_is_not_written_with_a_name_that_json_cannot_hold(tmp_path: Path) -> None:
    write_sound(tmp_path / "pairs")
    prepared = prepare_pairs(tmp_path / "pairs", tmp_path / "out", make_config(), num_workers=1)
    train = replace(prepared.manifest.splits["train"], pair_ids=(Path(CAFE).stem,))
    manifest = replace(prepared.manifest, splits={"train": train})

    with pytest.raises(ValueError, match=r"not UTF-8: caf\\xe9; rename it"):
        write_manifest(tmp_path, manifest)
    assert not (tmp_path / "manifest.json").exists()


def test_bad_names_are_listed_before_dvc_meets_them(tmp_path: Path) -> None:
    refuse_bad_names(tmp_path)
    (tmp_path / CAFE).touch()
    (tmp_path / os.fsdecode(b"\xfe")).mkdir()

    with pytest.raises(ValueError, match="2 name") as caught:
        refuse_bad_names(tmp_path)
    assert "caf\\xe9.png" in str(caught.value)
    assert printable(tmp_path / CAFE).endswith("caf\\xe9.png")
