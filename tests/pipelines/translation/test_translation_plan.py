"""Which images of a folder are translated, and what the results are called."""

import os
from pathlib import Path

import pytest

from pipelines.translation.translation_plan import check_folders, left_out, no_pictures, planned
from pix2pix.data.manifest import SideRecord
from pix2pix.images.encode import encode
from tests.support.model_folders import PHOTO, source_image
from tests.support.translation_plan import write

FLOATS = SideRecord("image", 3, "float32", (0.0, 1.0), "area")


def test_each_image_at_any_depth_keeps_its_name_and_gets_the_suffix_of_the_target(
    tmp_path: Path,
) -> None:
    names = ["b.PNG", "a.jpeg", "val/x.tif", "train/deep/y.npy", "notes.txt", ".hidden.png"]
    for name in names:
        write(tmp_path / "in" / name, b"x")
    for side, suffix in ((PHOTO, "png"), (FLOATS, "tif")):
        plan = planned(tmp_path / "in", tmp_path / "out", source=PHOTO, target=side)
        assert {
            source.path.relative_to(tmp_path).as_posix(): output.relative_to(tmp_path).as_posix()
            for source, output in plan.items()
        } == {
            "in/a.jpeg": f"out/a.{suffix}",
            "in/b.PNG": f"out/b.{suffix}",
            "in/train/deep/y.npy": f"out/train/deep/y.{suffix}",
            "in/val/x.tif": f"out/val/x.{suffix}",
        }


def test_an_image_has_the_id_that_its_pair_has_in_the_training(tmp_path: Path) -> None:
    """Photos of one name in two folders are two pairs, and names are composed (NFC)."""
    for name in ("train/a/x.png", "train/b/x.png", "cafe\u0301.JPG"):
        write(tmp_path / "in" / name, b"x")
    plan = planned(tmp_path / "in", tmp_path / "out", source=PHOTO, target=PHOTO)
    assert [image.pair_id for image in plan] == ["caf\u00e9", "train/a/x", "train/b/x"]


def test_images_that_would_become_one_file_are_named(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png"):
        write(tmp_path / "in" / name, b"x")
    with pytest.raises(ValueError, match=r"a\.jpg and .*a\.png would both become .*a\.png"):
        planned(tmp_path / "in", tmp_path / "out", source=PHOTO, target=PHOTO)


def test_a_folder_without_images_is_named(tmp_path: Path) -> None:
    write(tmp_path / "in" / "notes.txt", b"x")
    with pytest.raises(ValueError, match=r"INPUT .*in holds no images \(\.png"):
        planned(tmp_path / "in", tmp_path / "out", source=PHOTO, target=PHOTO)


@pytest.mark.parametrize("output", ["in", "in/out", ".", "out/../in/x", "link"])
def test_an_output_that_overlaps_the_input_is_refused(tmp_path: Path, output: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "in")
    with pytest.raises(ValueError, match="overlaps INPUT"):
        check_folders(tmp_path / "in", tmp_path / output)
    check_folders(tmp_path / "in", tmp_path / "out")
    check_folders(tmp_path / "in", tmp_path / "in2")


@pytest.mark.parametrize("output", ["file", "file/out", "file/deep/out", "circle", "circle/out"])
def test_an_output_that_can_be_no_folder_is_refused(tmp_path: Path, output: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(ValueError, match=r"/(file|circle) is no folder; name one for the results$"):
        check_folders(tmp_path / "in", tmp_path / output)


def test_an_input_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"INPUT .*in is not a folder"):
        check_folders(tmp_path / "in", tmp_path / "out")


def test_a_link_to_a_folder_is_named_and_its_images_not_left_out_unnoticed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "more").mkdir()
    (tmp_path / "link").symlink_to("in")
    check_folders(tmp_path / "link", tmp_path / "out")
    (tmp_path / "in/scene1").symlink_to(tmp_path / "more")
    with pytest.raises(ValueError, match=r"links to folders, .*\(1 of them\): .*in/scene1"):
        check_folders(tmp_path / "in", tmp_path / "out")


def test_what_is_not_translated_is_named_with_the_reason(tmp_path: Path) -> None:
    image = encode(source_image(40, 51))
    write(tmp_path / "in" / "a.png", image)
    heic = write(tmp_path / "in" / "z" / "b.HEIC", b"")
    window = write(tmp_path / "in" / os.fsdecode(b"fen\xeatre.png"), image)
    notes = write(tmp_path / "in" / "notes.txt", b"")

    reasons = left_out(tmp_path / "in")

    assert set(reasons) == {heic, window}
    assert ".heic files are not supported" in reasons[heic]
    assert "not UTF-8" in reasons[window]
    assert no_pictures(tmp_path / "in") == [notes]
    plan = planned(tmp_path / "in", tmp_path / "out", source=PHOTO, target=FLOATS)
    assert [source.path.name for source in plan] == ["a.png"]
    (tmp_path / "in" / "a.png").unlink()
    with pytest.raises(
        ValueError, match=r"holds no images(?s:.*)fen\\xeatre\.png: the name is not"
    ):
        planned(tmp_path / "in", tmp_path / "out", source=PHOTO, target=FLOATS)
