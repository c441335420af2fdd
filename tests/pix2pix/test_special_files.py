"""What is no plain file, however it is called: never waited for, always named."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from pix2pix.errors import StorageError, UserError
from pix2pix.files import write_bytes
from pix2pix.images.image import read_image
from pix2pix.special_files import read_plain, refuse_special_files
from tests.support.file_size_limit import files_of_at_most


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(path.parent)  # the name of a socket may have 108 characters
        try:
            listener.bind(path.name)
        finally:
            os.chdir(here)


def _endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _nowhere(path: Path) -> None:
    path.symlink_to(path.with_name("absent.png"))


def _circle(path: Path) -> None:
    path.symlink_to(path.with_name("b.png"))
    path.with_name("b.png").symlink_to(path)


def _itself(path: Path) -> None:
    path.symlink_to(path)


def _giant(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)  # a hole, which takes no room


_MAKERS = [_pipe, _socket, _endless, _nowhere, _circle, _itself]


@pytest.mark.parametrize("make", [*_MAKERS, _giant, Path.mkdir])
def test_what_is_no_image_file_is_named_at_once(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    path = tmp_path / "a.png"
    make(path)
    with pytest.raises(UserError, match=r"a\.png: (is|has|cannot be read)"):
        read_image(path)


@pytest.mark.parametrize("make", _MAKERS)
def test_a_folder_with_such_a_thing_is_refused_before_dvc_waits_for_it(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train/good.png").write_bytes(b"x")
    make(tmp_path / "train/a.png")
    with pytest.raises(
        UserError, match=r"holds pipes, sockets.*\(\d of them\): .*train/a\.png.*take them away"
    ):
        refuse_special_files(tmp_path)


@pytest.mark.parametrize("target", ["elsewhere", "data", "data/train"])
def test_a_link_to_a_folder_is_named_and_those_to_files_and_in_hidden_folders_are_not(
    tmp_path: Path, target: str
) -> None:
    (tmp_path / "data/train").mkdir(parents=True)
    (tmp_path / "data/.venv").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/1.png").write_bytes(b"x")
    (tmp_path / "data/.venv/lib64").symlink_to("lib", target_is_directory=True)
    (tmp_path / "data/.venv/lib").mkdir()
    (tmp_path / "data/1.png").symlink_to(tmp_path / "elsewhere/1.png")
    (tmp_path / "link").symlink_to(tmp_path / "data")
    refuse_special_files(tmp_path / "link")
    (tmp_path / "data/train/more").symlink_to(tmp_path / target)
    with pytest.raises(
        UserError, match=r"links to folders, .*\(1 of them\): .*link/train/more'; move"
    ):
        refuse_special_files(tmp_path / "link")


def test_a_plain_file_and_a_link_to_one_are_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert read_plain(tmp_path / "a") == read_plain(tmp_path / "b") == b"content"


def test_a_full_disk_leaves_the_old_file_and_names_it(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"old")
    with (
        files_of_at_most(2),
        pytest.raises(StorageError, match=r"a\.json cannot be written: File too.*make room"),
    ):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_folder_that_cannot_be_made_is_named_too(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(StorageError, match=r"a/b cannot be written: .*see that it may be written"):
        write_bytes(tmp_path / "a/b", b"new")
