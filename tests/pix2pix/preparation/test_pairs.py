"""Which files make a pair."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from PIL import Image

from pix2pix.config import load_params
from pix2pix.errors import UserError
from pix2pix.preparation.folders import image_files, split_folder
from pix2pix.preparation.pairs import find_pairs
from tests.support.folders import touch
from tests.support.pair_files import PARAMS, make_config, two_folders


def test_files_side_by_side_are_found_in_any_order_of_creation(tmp_path: Path) -> None:
    names = ["train/2.png", "val/1.jpg", "train/1.png", "test/a/b.tif", "train/c.d.npy"]
    touch(tmp_path / "x", *names)
    touch(tmp_path / "y", *reversed(names))

    found = [find_pairs(tmp_path / root, make_config()) for root in ("x", "y")]

    pairs = [(pair.pair_id, split_folder(pair.pair_id)) for pair in found[0].pairs]
    assert pairs == [
        ("test/a/b", "test"),
        ("train/1", "train"),
        ("train/2", "train"),
        ("train/c.d", "train"),
        ("val/1", "val"),
    ]
    assert pairs == [(pair.pair_id, split_folder(pair.pair_id)) for pair in found[1].pairs]
    assert found[0].pairs[1].path_a == found[0].pairs[1].path_b == tmp_path / "x/train/1.png"
    assert found[0].offences == ()


@pytest.mark.parametrize(
    ("pattern", "pair_id", "folder"),
    [("{side}/train/x", "train/x", "train"), ("train/{side}/x", "train/x", "train"),
     ("{side}/x", "x", None), ("{side}/more/x", "more/x", None)],
)  # fmt: skip
def test_two_folders_pair_by_stem(
    tmp_path: Path, pattern: str, pair_id: str, folder: str | None
) -> None:
    names = pattern.format(side="labels") + ".png", pattern.format(side="photos") + ".JPG"
    touch(tmp_path, *names)

    found = find_pairs(tmp_path, two_folders(folder_a="labels", folder_b="photos"))

    (pair,) = found.pairs
    assert (pair.pair_id, split_folder(pair.pair_id)) == (pair_id, folder)
    assert (pair.path_a, pair.path_b) == tuple(tmp_path / name for name in names)
    assert found.offences == ()


def test_what_is_no_data_is_passed_over_and_other_files_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "train/1.png", "readme.txt", "train/notes.csv")
    touch(tmp_path, ".gitignore", "train.dvc", "train/.1.png", "__MACOSX/1.png", "Thumbs.db")
    touch(tmp_path, ".cache/train/2.png")
    touch(tmp_path, "train/@eaDir/1.png/SYNOPHOTO_THUMB_XL.png", "#recycle/train/2.png")
    touch(tmp_path, "train/$RECYCLE.BIN/3.png", "System Volume Information/4.png")

    found = find_pairs(tmp_path, make_config())

    assert [pair.pair_id for pair in found.pairs] == ["train/1"]
    assert found.ignored == ("readme.txt", "train/notes.csv")


@pytest.mark.parametrize(
    "name", ["@eaDir", "#recycle", "$RECYCLE.BIN", "System Volume Information", "@Recycle"]
)
def test_folders_of_systems_and_network_storage_are_passed_over(tmp_path: Path, name: str) -> None:
    touch(tmp_path, "1.png", "sub/2.png", f"{name}/1.png/thumb.jpg", f"sub/{name}/3.png")

    found = find_pairs(tmp_path, make_config())

    assert [pair.pair_id for pair in found.pairs] == ["1", "sub/2"]
    assert found.ignored == ()
    assert [path.name for path in image_files(tmp_path)] == ["1.png", "2.png"]  # `translate`


def test_files_without_partner_and_of_one_stem_are_offences(tmp_path: Path) -> None:
    touch(tmp_path, "A/1.png", "B/1.png", "A/2.png", "B/3.png", "A/4.png", "A/4.jpg", "B/4.png")

    found = find_pairs(tmp_path, two_folders())

    assert [pair.pair_id for pair in found.pairs] == ["1"]
    assert [(item.kind, item.pair_ids, item.paths) for item in found.offences] == [
        ("same_stem", ("4",), ("A/4.jpg", "A/4.png")),
        ("missing_partner", ("2",), ("A/2.png",)),
        ("missing_partner", ("3",), ("B/3.png",)),
    ]


def test_files_beside_the_split_folders_are_offences(tmp_path: Path) -> None:
    touch(tmp_path, "train/1.png", "test/1.png", "preview.png", "extra/1.png")

    found = find_pairs(tmp_path, make_config())

    assert [pair.pair_id for pair in found.pairs] == ["test/1", "train/1"]
    assert [(item.kind, item.pair_ids) for item in found.offences] == [
        ("outside_split_folders", ("extra/1",)),
        ("outside_split_folders", ("preview",)),
    ]


@pytest.mark.parametrize("unused", ["val_unseen/A/2.png", "A.old/2.png", "2.png", "old/3/4.png"])
def test_images_that_lie_in_no_folder_of_a_side_are_named(tmp_path: Path, unused: str) -> None:
    touch(tmp_path, "train/A/1.png", "train/B/1.png", "test/A/1.png", "test/B/1.png", unused)

    found = find_pairs(tmp_path, two_folders())

    assert [pair.pair_id for pair in found.pairs] == ["test/1", "train/1"]
    assert found.elsewhere == (unused,)


@pytest.mark.parametrize("linked", ["A", "B/train", "A/scene1"])
def test_a_link_to_a_folder_below_is_named_because_dvc_does_not_follow_it(
    tmp_path: Path, linked: str
) -> None:
    touch(tmp_path, "data/A/2.png", "data/B/2.png", "elsewhere/1.png")
    if linked == "A":
        (tmp_path / "data/A").rename(tmp_path / "A")
    (tmp_path / "data" / linked).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(
        UserError,
        match=rf"data holds links to folders, which are not followed \(1 of them\).*data/{linked}'",
    ):
        find_pairs(tmp_path / "data", two_folders())


def test_the_data_folder_itself_may_be_a_link_and_so_may_files(tmp_path: Path) -> None:
    touch(tmp_path, "elsewhere/train/1.png", "elsewhere/test/1.png", "more/2.png")
    (tmp_path / "elsewhere/train/2.png").symlink_to(tmp_path / "more/2.png")
    (tmp_path / "data").symlink_to("elsewhere")

    found = find_pairs(tmp_path / "data", make_config())

    assert [pair.pair_id for pair in found.pairs] == ["test/1", "train/1", "train/2"]


def test_a_file_and_a_broken_link_are_not_called_missing(tmp_path: Path) -> None:
    (tmp_path / "photos.zip").touch()
    (tmp_path / "link").symlink_to("gone")
    with pytest.raises(ValueError, match=r"photos\.zip is a file; give the folder"):
        find_pairs(tmp_path / "photos.zip", two_folders())
    with pytest.raises(ValueError, match=r"link to gone, which does not exist"):
        find_pairs(tmp_path / "link", two_folders())


@pytest.fixture
def folder_of_nobody() -> Iterator[Path]:
    """A folder, while this process is a user with permissions: root may read everything."""
    with TemporaryDirectory() as folder:
        was_root = os.getuid() == 0
        if was_root:
            os.chown(folder, 65534, 65534)
            os.setresuid(65534, 65534, 0)
        yield Path(folder)
        if was_root:
            os.setresuid(0, 0, 0)


@pytest.mark.parametrize("locked", [".", "train", "train/deep", "more"])
def test_a_folder_without_permission_is_refused_and_not_left_out(
    folder_of_nobody: Path, locked: str
) -> None:
    touch(folder_of_nobody, "train/1.png", "train/deep/2.png", "more/3.png")
    (folder_of_nobody / locked).chmod(0)
    try:
        with pytest.raises(UserError, match=r"cannot be read; give yourself permission") as error:
            find_pairs(folder_of_nobody, make_config())
    finally:
        (folder_of_nobody / locked).chmod(0o755)
    assert f"the folder {folder_of_nobody / locked}" in str(error.value)


def test_a_folder_that_the_disk_does_not_give_is_not_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "train/1.png", "train/deep/2.png", "more/3.png")
    scandir = os.scandir

    def broken(folder: str) -> Iterator[os.DirEntry[str]]:
        if folder == str(tmp_path / "train/deep"):
            raise OSError(errno.EIO, "the disk is broken")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", broken)
    with pytest.raises(OSError, match="the disk is broken"):
        find_pairs(tmp_path, make_config())


def test_a_missing_or_empty_folder_is_refused_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"data\.path.*missing.*dvc pull"):
        find_pairs(tmp_path / "none", make_config())
    touch(tmp_path, "readme.txt")
    with pytest.raises(ValueError, match="holds no images"):
        find_pairs(tmp_path, make_config())
    touch(tmp_path, "A/1.png")
    with pytest.raises(ValueError, match=r"folder 'B'.*data\.folder_b"):
        find_pairs(tmp_path, two_folders())


@pytest.mark.parametrize(
    ("train", "test"), [("Train", "Test"), ("training", "testing"), ("TRAIN", "Validation")]
)
def test_split_folders_are_recognised_by_other_names_too(
    tmp_path: Path, train: str, test: str
) -> None:
    """Unrecognised, the user's test images would be trained on."""
    for folder in (train, test):
        (tmp_path / folder).mkdir()
        Image.fromarray(np.zeros((4, 8, 3), np.uint8)).save(tmp_path / folder / "1.png")
    found = find_pairs(tmp_path, load_params(PARAMS).data).pairs
    assert {split_folder(pair.pair_id) for pair in found} == {
        "train",
        "val" if test[0] == "V" else "test",
    }
