"""Folders that appear as a whole, also where their name is a link to another disk."""

import errno
import os
from pathlib import Path

import pytest

from pix2pix.atomic import new_directory
from tests.support.folders import contents, touch


@pytest.mark.parametrize("is_there", [True, False])
def test_a_link_stays_and_the_folder_that_it_leads_to_is_replaced(
    tmp_path: Path, is_there: bool
) -> None:
    if is_there:
        touch(tmp_path, "large/prepared/old")
    (tmp_path / "data").mkdir()
    link = tmp_path / "data/prepared"
    link.symlink_to("../large/prepared")
    for content in (b"1", b"2"):
        with new_directory(link) as folder:
            assert folder.parent == tmp_path / "large"  # on the same disk, to be renamed there
            (folder / "new").write_bytes(content)
        assert os.listdir(tmp_path / "data") == os.listdir(tmp_path / "large") == ["prepared"]
        assert link.is_symlink()
        assert contents(link) == {"new": content}


@pytest.mark.parametrize("left", [".prepared.partial", ".prepared.replaced"])
def test_a_link_of_that_name_is_removed_and_not_what_it_leads_to(tmp_path: Path, left: str) -> None:
    touch(tmp_path, "large/old", "prepared/old")
    (tmp_path / left).symlink_to("large")
    with new_directory(tmp_path / "prepared") as folder:
        (folder / "new").touch()
    assert sorted(os.listdir(tmp_path)) == ["large", "prepared"]
    assert os.listdir(tmp_path / "large") == ["old"]
    assert os.listdir(tmp_path / "prepared") == ["new"]


@pytest.mark.parametrize("before", [["prepared/old"], []], ids=["replaced", "new"])
def test_where_the_new_folder_cannot_get_its_name_all_is_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: list[str]
) -> None:
    touch(tmp_path, *before)
    rename = Path.rename

    def refuse_new(self: Path, target: Path) -> Path:
        if self.name.endswith(".partial"):
            raise OSError(errno.EIO, "the disk is broken")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse_new)
    with (
        pytest.raises(OSError, match="the disk is broken"),
        new_directory(tmp_path / "prepared") as folder,
    ):
        (folder / "new").touch()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [
        tmp_path / path for path in before
    ]
    assert os.listdir(tmp_path) == [path.partition("/")[0] for path in before]
