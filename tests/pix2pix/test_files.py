"""What is on the disk, and in which order it comes there."""

import errno
import os
from pathlib import Path

import pytest

from pix2pix.files import (
    flush,
    flush_all,
    make_folder,
    put_in_place,
    sha256_of_file,
    write_bytes,
    write_text,
)

Log = list[tuple[str, str]]


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Log:
    """Flushes and renames in their order, by paths below `tmp_path`."""
    events: Log = []
    fsync, replace = os.fsync, Path.replace

    def name(path: str | Path) -> str:
        return os.path.relpath(os.path.realpath(path), tmp_path)

    def logged_fsync(descriptor: int) -> None:
        events.append(("flush", name(f"/proc/self/fd/{descriptor}")))
        fsync(descriptor)

    def logged_replace(self: Path, target: Path) -> Path:
        events.append(("rename", name(target)))
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", logged_fsync)
    monkeypatch.setattr(Path, "replace", logged_replace)
    return events


def test_a_file_is_flushed_renamed_and_its_name_flushed(tmp_path: Path, log: Log) -> None:
    write_text(tmp_path / "a.txt", "text")
    assert (tmp_path / "a.txt").read_text() == "text"
    assert log == [("flush", ".a.txt.partial"), ("rename", "a.txt"), ("flush", ".")]


def test_new_folders_are_on_the_disk_from_the_top(tmp_path: Path, log: Log) -> None:
    make_folder(tmp_path / "a" / "b")
    assert sorted(log) == [("flush", "."), ("flush", "a")]
    log.clear()
    make_folder(tmp_path / "a" / "b")
    assert log == []
    write_bytes(tmp_path / "a" / "b" / "c" / "d.bin", b"1")
    assert log[0] == ("flush", "a/b")
    assert log[-1] == ("flush", "a/b/c")


def test_everything_in_a_folder_is_flushed(tmp_path: Path, log: Log) -> None:
    for name in ("a", "b/c", "b/d/e"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"1")
    flush_all(tmp_path)
    assert sorted(path for _, path in log) == [".", "a", "b", "b/c", "b/d", "b/d/e"]


def test_a_failed_flush_is_an_error_and_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text(tmp_path / "a.txt", "old")

    def broken(_descriptor: int) -> None:
        raise OSError(errno.EIO, "the disk is broken")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="the disk is broken"):
        write_text(tmp_path / "a.txt", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_a_folder_that_cannot_be_flushed_there_is_left_to_its_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(_descriptor: int) -> None:
        raise OSError(number, "not here")

    monkeypatch.setattr(os, "fsync", refuse)
    flush(tmp_path)
    (tmp_path / "a").write_bytes(b"1")
    with pytest.raises(OSError, match="not here"):
        put_in_place(tmp_path / "a", tmp_path / "b")


def test_the_hash_is_that_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")  # the example of FIPS 180-2
    assert sha256_of_file(tmp_path / "a") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
