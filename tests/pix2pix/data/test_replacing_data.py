"""Older data stay until the new ones are complete, and nothing else is touched."""

import shutil
from pathlib import Path

import pytest

from pix2pix.preparation.prepare import prepare_pairs
from pix2pix.preparation.report import BadPairsError
from tests.support.file_size_limit import files_of_at_most
from tests.support.folders import contents
from tests.support.labelled_photos import make_config, write_pairs


def test_offences_stop_the_writing_and_the_older_data_stay(tmp_path: Path) -> None:
    root = write_pairs(tmp_path / "raw")
    prepare_pairs(root, tmp_path / "out/prepared", make_config())
    before = contents(tmp_path / "out")
    (root / "train/bad.png").write_text("no image")

    with pytest.raises(BadPairsError, match=r"train/bad\.png: is no PNG") as caught:
        prepare_pairs(root, tmp_path / "out/prepared", make_config())

    assert [item.pair_ids for item in caught.value.report.offences] == [("train/bad",)]
    assert contents(tmp_path / "out") == before


def test_a_read_only_data_folder_is_enough(tmp_path: Path) -> None:
    root = write_pairs(tmp_path / "raw")
    before = contents(root)
    for path in (root, root / "train", root / "test"):
        path.chmod(0o555)

    prepare_pairs(root, tmp_path / "prepared", make_config())

    assert contents(root) == before


def test_a_folder_of_something_else_is_not_replaced(tmp_path: Path) -> None:
    root = write_pairs(tmp_path / "raw")
    (tmp_path / "home").mkdir()
    (tmp_path / "home/thesis.txt").write_text("years of work")

    with pytest.raises(ValueError, match="something else than prepared data"):
        prepare_pairs(root, tmp_path / "home", make_config())

    assert contents(tmp_path / "home") == {"thesis.txt": b"years of work"}


def test_a_disk_that_is_too_small_is_named_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_pairs(tmp_path / "raw")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 8, 1))

    with pytest.raises(OSError, match=r"0 MiB needed.*make room"):
        prepare_pairs(root, tmp_path / "out/prepared", make_config())

    assert contents(tmp_path / "out") == {}


def test_the_disk_behind_a_link_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def usage(path: Path) -> object:
        return shutil._ntuple_diskusage(9, 8, 1 if path == tmp_path / "full" else 2**60)

    root = write_pairs(tmp_path / "raw")
    (tmp_path / "prepared").symlink_to("full/prepared")
    monkeypatch.setattr(shutil, "disk_usage", usage)
    with pytest.raises(OSError, match=r"0 MiB needed.*make room"):
        prepare_pairs(root, tmp_path / "prepared", make_config())


def test_a_disk_that_fills_up_meanwhile_leaves_the_older_data(tmp_path: Path) -> None:
    root = write_pairs(tmp_path / "raw")
    prepare_pairs(root, tmp_path / "out/prepared", make_config())
    before = contents(tmp_path / "out")
    with files_of_at_most(10_000), pytest.raises(OSError, match="make room"):
        prepare_pairs(root, tmp_path / "out/prepared", make_config())

    assert contents(tmp_path / "out") == before
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["prepared"]


def test_what_a_killed_run_left_is_replaced(tmp_path: Path) -> None:
    root = write_pairs(tmp_path / "raw")
    (tmp_path / "out/.prepared.partial/train").mkdir(parents=True)
    (tmp_path / "out/.prepared.partial/train/source.npy").write_bytes(b"half")

    prepare_pairs(root, tmp_path / "out/prepared", make_config())

    assert [path.name for path in (tmp_path / "out").iterdir()] == ["prepared"]
