"""Sides that are one picture twice, halves of one picture, turned apart, or masks."""

import io
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest
import tifffile
from PIL import Image

from pix2pix.preparation.checks import check_pairs
from pix2pix.preparation.pairs import find_pairs
from pix2pix.preparation.read_pairs import read_pair
from pix2pix.preparation.report import CheckReport, format_report
from tests.support.small_sets import NUM_PAIRS, make_config, make_side, noise, save

COMPOSED, DECOMPOSED = (normalize(form, "Büro") for form in ("NFC", "NFD"))


def kinds(report: CheckReport) -> list[str]:
    return [offence.kind for offence in report.offences]


def write_two_folders(root: Path, names: tuple[str, str] = ("A", "B"), split: str = "") -> None:
    for index in range(NUM_PAIRS):
        save(root / split / names[0] / f"{index}.png", noise(index))
        save(root / split / names[1] / f"{index}.png", noise(100 + index))


@pytest.mark.parametrize("splits", [[""], ["train", "test"]])
def test_two_folders_are_not_cut_into_halves(tmp_path: Path, splits: list[str]) -> None:
    for split in splits:
        write_two_folders(tmp_path, split=split)

    with pytest.raises(ValueError, match=r"A and B: each.*data\.layout: two_folders"):
        check_pairs(tmp_path, make_config(layout="side_by_side"))


@pytest.mark.parametrize("splits", [[""], ["train", "test"]])
def test_two_folders_of_other_names_are_not_cut_into_halves_either(
    tmp_path: Path, splits: list[str]
) -> None:
    for split in splits:
        write_two_folders(tmp_path, ("input", "output"), split=split)
    save(tmp_path / splits[0] / "input" / "lone.png", noise(9))

    config = make_config(layout="side_by_side", image_size=32, load_size=32)
    report = check_pairs(tmp_path, config, num_workers=1)

    assert "wrong_layout" in kinds(report)
    assert report.is_beyond_excluding
    assert "data.folder_a: input and data.folder_b: output" in format_report(report)


@pytest.mark.parametrize(
    ("height", "width", "doubted"),
    [(80, 80, True), (80, 120, True), (90, 120, True), (120, 80, True), (80, 128, False)],
)
def test_files_side_by_side_of_the_shape_of_photos_are_doubted(
    tmp_path: Path, height: int, width: int, doubted: bool
) -> None:
    for index in range(NUM_PAIRS):
        save(tmp_path / f"{index}.png", noise(index, size=128)[:height, :width])
    report = check_pairs(tmp_path, make_config(layout="side_by_side"), num_workers=1)

    notes = [note for note in report.notes if "cut into halves" in note]
    assert len(notes) == doubted
    assert all(f"files of {width}x{height} px" in note for note in notes)


def test_files_side_by_side_in_a_set_of_two_folders_are_told_of_the_other_layout(
    tmp_path: Path,
) -> None:
    for index in range(NUM_PAIRS):
        save(tmp_path / f"train/{index}.png", np.hstack([noise(index), noise(100 + index)]))

    with pytest.raises(
        ValueError,
        match=r"6 images lie in no folder of a side, such as train/0\.png: .*side_by_side",
    ):
        check_pairs(tmp_path, make_config())


@pytest.mark.parametrize(("stored", "named"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
def test_a_folder_that_only_looks_like_the_named_one_is_explained(
    stored: str, named: str, tmp_path: Path
) -> None:
    for index in range(NUM_PAIRS):
        save(tmp_path / stored / f"{index}.png", noise(index))
        save(tmp_path / f"B/{index}.png", noise(50 + index))
    with pytest.raises(ValueError, match="has its accents stored in another form"):
        check_pairs(tmp_path, make_config(folder_a=named), num_workers=1)
    check_pairs(tmp_path, make_config(folder_a=stored), num_workers=1)


def test_folders_of_other_names_are_listed(tmp_path: Path) -> None:
    write_two_folders(tmp_path, ("photos", "labels"))

    with pytest.raises(ValueError, match=r"the folders there are labels, photos: .*folder_a"):
        check_pairs(tmp_path, make_config())


def write_copies(root: Path, layout: str, num_copies: int) -> None:
    for index in range(10):
        image = noise(index)
        other = image if index < num_copies else noise(100 + index)
        if layout == "two_folders":
            save(root / f"A/{index}.png", image)
            save(root / f"B/{index}.png", other)
        else:
            save(root / f"{index}.png", np.hstack([image, other]))


@pytest.mark.parametrize("layout", ["two_folders", "side_by_side"])
@pytest.mark.parametrize("num_copies", [9, 10])
def test_a_copy_of_a_as_b_is_refused(tmp_path: Path, layout: str, num_copies: int) -> None:
    write_copies(tmp_path, layout, num_copies)
    report = check_pairs(tmp_path, make_config(layout=layout), num_workers=1)

    assert kinds(report) == ["identical_sides"]
    assert report.is_beyond_excluding
    assert f"same picture in {num_copies} of 10 pairs" in report.offences[0].message


def test_a_few_pairs_of_equal_sides_are_a_note(tmp_path: Path) -> None:
    write_copies(tmp_path, "two_folders", 2)
    report = check_pairs(tmp_path, make_config(), num_workers=1)

    assert report.offences == ()
    assert any("in 2 pairs A and B are the same picture: 0, 1" in note for note in report.notes)


def test_a_copy_that_was_stored_again_is_doubted(tmp_path: Path) -> None:
    for index in range(NUM_PAIRS):
        image = noise(index, size=5).repeat(8, 0).repeat(8, 1)
        save(tmp_path / f"A/{index}.png", image)
        (tmp_path / "B").mkdir(exist_ok=True)
        Image.fromarray(image).save(tmp_path / f"B/{index}.jpg", quality=97, subsampling=0)
    report = check_pairs(tmp_path, make_config(), num_workers=1)

    assert report.offences == ()
    assert any("A and B are nearly the same" in note for note in report.notes)


def with_orientation(image: np.ndarray, kind: str, orientation: int) -> bytes:
    file = io.BytesIO()
    if kind == "tiff":
        tags = [(274, "H", 1, orientation, True)] if orientation else None
        tifffile.imwrite(file, image, photometric="rgb", extratags=tags)
        return file.getvalue()
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    Image.fromarray(image).save(file, kind, exif=exif)
    return file.getvalue()


def write_turned(root: Path, a: int, b: int, *, height: int = 48) -> None:
    """One picture as A in JPEG and, brighter, as B in TIFF, with the tags `a` and `b` (0: none)."""
    for side in ("A", "B"):
        (root / side).mkdir()
    for index in range(NUM_PAIRS):
        image = noise(index, size=6).repeat(8, 0).repeat(8, 1)[:height] // 2
        (root / f"A/{index}.jpg").write_bytes(with_orientation(image, "jpeg", a))
        (root / f"B/{index}.tif").write_bytes(with_orientation(image + 100, "tiff", b))


def test_sides_with_one_tag_in_two_formats_stand_alike(tmp_path: Path) -> None:
    write_turned(tmp_path, 6, 6)
    config = make_config()
    report = check_pairs(tmp_path, config, num_workers=1)

    assert report.offences == ()
    assert not any("EXIF" in note for note in report.notes)
    (source, _), (target, _) = read_pair(find_pairs(tmp_path, config).pairs[0], config).images
    assert np.abs(source.astype(int) + 100 - target).mean() < 8


@pytest.mark.parametrize(("a", "b", "said"), [(6, 0, "A has 6, B has none"), (0, 3, "B has 3")])
def test_sides_of_different_tags_are_told_with_exif_s_name(
    tmp_path: Path, a: int, b: int, said: str
) -> None:
    write_turned(tmp_path, a, b)
    report = check_pairs(tmp_path, make_config(), num_workers=1)

    (note,) = (note for note in report.notes if "EXIF" in note)
    assert said in note
    assert note.startswith("in 6 pairs")


def test_sizes_that_differ_by_a_turn_are_told_with_exif_s_name(tmp_path: Path) -> None:
    write_turned(tmp_path, 6, 0, height=40)
    report = check_pairs(tmp_path, make_config(), num_workers=1)

    assert report.offences[0].kind == "size_mismatch"
    assert "EXIF" in report.offences[0].message


def write_masks(root: Path, suffix: str = ".png") -> None:
    """Masks 0/255 in B, two of them empty."""
    for index in range(8):
        save(root / f"A/{index}.png", noise(index))
        mask = np.zeros((40, 40, 1), np.uint8)
        if index >= 2:
            mask[5 : 20 + index, 9:30] = 255
        save(root / f"B/{index}{suffix}", mask)


@pytest.mark.parametrize("kind", ["image", "labels"])
@pytest.mark.parametrize("on_bad_pair", ["fail", "exclude"])
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_masks_without_an_object_are_sound_and_kept(
    tmp_path: Path, kind: str, on_bad_pair: str, suffix: str
) -> None:
    write_masks(tmp_path, suffix)
    side = make_side(kind=kind, channels=1)
    config = make_config(side_b=side, on_bad_pair=on_bad_pair)
    report = check_pairs(tmp_path, config, num_workers=1)

    assert report.offences == ()
    assert len(report.pairs) == 8
    assert "2 pairs have a label map or mask of a single value: 0, 1" in report.notes


def test_a_flat_photo_is_still_an_offence_that_mentions_masks(tmp_path: Path) -> None:
    write_two_folders(tmp_path)
    save(tmp_path / "B/3.png", np.full((40, 40, 3), 7, np.uint8))
    report = check_pairs(tmp_path, make_config(), num_workers=1)

    assert [(item.kind, item.pair_ids) for item in report.offences] == [("constant_image", ("3",))]
    assert "kind: labels if the side holds masks" in format_report(report)


def test_label_ids_in_a_lossy_file_are_an_offence_and_label_colours_a_note(tmp_path: Path) -> None:
    for index in range(NUM_PAIRS):
        save(tmp_path / f"A/{index}.jpg", np.full((40, 40, 1), index % 3, np.uint8))
        save(tmp_path / f"B/{index}.png", noise(index))
    ids = make_side(kind="labels", channels=1, num_labels=3)
    report = check_pairs(tmp_path, make_config(side_a=ids), num_workers=1)
    assert set(kinds(report)) == {"lossy_labels", "too_few_pairs"}

    for index in range(NUM_PAIRS):
        save(tmp_path / f"A/{index}.jpg", noise(index))
    colours = make_side(kind="labels")
    report = check_pairs(tmp_path, make_config(side_a=colours), num_workers=1)
    note = "label files are of a kind that can change colours near every edge (a lossy JPEG file)"
    assert any(note in each for each in report.notes)


def test_animations_and_pages_are_told(tmp_path: Path) -> None:
    for index in range(NUM_PAIRS):
        frames = [Image.fromarray(noise(10 * index + each)) for each in range(3)]
        (tmp_path / "A").mkdir(exist_ok=True)
        frames[0].save(tmp_path / f"A/{index}.gif", save_all=True, append_images=frames[1:])
        (tmp_path / "B").mkdir(exist_ok=True)
        pages = noise(index, 5).transpose(2, 0, 1)
        tifffile.imwrite(tmp_path / f"B/{index}.tif", pages, photometric="minisblack")
    report = check_pairs(tmp_path, make_config(side_b=make_side(channels=5)), num_workers=1)

    assert report.offences == ()
    assert any("6 files hold several frames, of which the first" in x for x in report.notes)
    assert any("6 TIFF files hold several pages, which are taken as" in x for x in report.notes)
