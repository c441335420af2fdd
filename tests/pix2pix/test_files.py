"""What is on the disk, and in which order it comes there."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

import pytest

from pix2pix import files
from pix2pix.errors import StorageError
from pix2pix.files import (
    flush,
    flush_all,
    in_the_way,
    make_folder,
    put_in_place,
    sha256_of_file,
    spill_folder,
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
    (_, partial), *rest = log
    assert partial.startswith(".")
    assert rest == [("rename", "a.txt"), ("flush", ".")]


def test_what_is_checked_when_it_is_read_need_not_be_flushed(tmp_path: Path, log: Log) -> None:
    write_bytes(tmp_path / "a", b"1", is_durable=False)
    assert log == [("rename", "a")]


@pytest.mark.parametrize(
    "name", ["x" * 255, "\N{CJK UNIFIED IDEOGRAPH-6F22}" * 85], ids=["latin", "chinese"]
)
def test_a_name_may_be_as_long_as_file_systems_allow(tmp_path: Path, name: str) -> None:
    write_text(tmp_path / name, "text")
    assert os.listdir(tmp_path) == [name]


_KILLED = """
import os, signal, sys
from pathlib import Path
import pix2pix.files
pix2pix.files.flush = lambda path: os.kill(os.getpid(), signal.SIGKILL)
pix2pix.files.write_bytes(Path(sys.argv[1]), b"half of something long")
"""


def test_what_a_killed_process_has_left_is_used_again(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    killed = subprocess.run([sys.executable, "-c", _KILLED, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(os.listdir(tmp_path)) == 1
    write_text(path, "whole")
    assert (os.listdir(tmp_path), path.read_text()) == (["a.txt"], "whole")


@pytest.mark.parametrize("has_locks", [True, False])
def test_two_that_write_one_file_do_not_disturb_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_locks: bool
) -> None:
    """The second writes the file while the first is about to rename its own."""
    if not has_locks:
        monkeypatch.setattr(fcntl, "flock", _no_locks)
    path = tmp_path / "a.txt"
    put_in_place_really = files.put_in_place

    def interrupted(partial: Path, to: Path) -> None:
        monkeypatch.setattr(files, "put_in_place", put_in_place_really)
        write_text(path, "second")
        assert path.read_text() == "second"
        put_in_place_really(partial, to)

    monkeypatch.setattr(files, "put_in_place", interrupted)
    write_text(path, "first")
    assert (os.listdir(tmp_path), path.read_text()) == (["a.txt"], "first")


def test_a_file_that_another_process_finishes_meanwhile_is_not_emptied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the name of the unfinished file until this process has the lock."""
    path, readers = tmp_path / "a.txt", []
    flock = fcntl.flock

    def finish_first(file: BinaryIO, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        (partial,) = tmp_path.iterdir()
        partial.write_text("first")
        partial.rename(path)
        readers.append(path.open())
        flock(file, operation)

    monkeypatch.setattr(fcntl, "flock", finish_first)
    write_text(path, "second")
    with readers[0] as reader:
        assert reader.read() == "first"
    assert (os.listdir(tmp_path), path.read_text()) == (["a.txt"], "second")


def _no_locks(*_: object) -> None:
    raise OSError(errno.ENOLCK, "no locks here")


@pytest.mark.parametrize("is_durable", [True, False])
def test_a_pipe_is_not_replaced_by_a_file(tmp_path: Path, is_durable: bool) -> None:
    """As /dev/null would be, by root."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StorageError, match="pipe cannot be written: this is a device or a pipe"):
        write_bytes(tmp_path / "pipe", b"x", is_durable=is_durable)
    assert (tmp_path / "pipe").is_fifo()
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


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


def test_tmpdir_is_where_the_files_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    assert spill_folder() == tmp_path
    monkeypatch.delenv("TMPDIR")
    usual = spill_folder()
    assert usual.is_dir()
    assert usual != tmp_path
    monkeypatch.setenv("TMPDIR", "")  # names none, for Python as well
    assert spill_folder() == usual


def test_the_hash_is_that_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")  # the example of FIPS 180-2
    assert sha256_of_file(tmp_path / "a") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


def test_what_is_in_the_way_of_a_folder_is_the_first_file_or_link_to_none(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    (tmp_path / "file").touch()
    (tmp_path / "lost").symlink_to("nowhere")
    for free in ("folder", "link", "new", "new/deep", "link/new"):
        assert in_the_way(tmp_path / free) is None
    for taken in ("file", "lost"):
        assert in_the_way(tmp_path / taken) == tmp_path / taken
        assert in_the_way(tmp_path / taken / "a" / "b") == tmp_path / taken
