"""Temporary files stay until they are moved or their process has ended, and no longer."""

import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyarrow.fs import FileSystem, SubTreeFileSystem

from pipelines.runs import staging
from pipelines.runs.folder import Folder

_STAGE = """
import sys
from pathlib import Path
from pipelines.runs import staging
folder = staging.stage(Path(sys.argv[1]))
(folder / "training.pt").write_bytes(b"half")
print(folder, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary folder of this machine."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Folder:
    """A store that is no local file system for `Folder`, like S3."""
    (tmp_path / "bucket").mkdir()
    local, _ = FileSystem.from_uri(tmp_path.as_uri())
    return Folder(SubTreeFileSystem(str(tmp_path / "bucket"), local), "trial")


@pytest.fixture
def other(temporary: Path, root: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process that has staged a file in the temporary folder."""
    with subprocess.Popen(
        [sys.executable, "-c", _STAGE, str(temporary)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
    ) as process:
        yield process
        process.kill()


def _staged(process: "subprocess.Popen[str]") -> Path:
    assert process.stdout is not None
    return Path(process.stdout.readline().strip())


def test_a_file_for_an_object_store_leaves_nothing_on_its_node(
    store: Folder, temporary: Path
) -> None:
    store.filesystem.create_dir(store.path)
    store.write("epoch_0001.png", b"grid")
    assert store.names() == ["epoch_0001.png"]
    assert list(temporary.iterdir()) == []


def test_the_folder_of_a_killed_process_is_removed_and_that_of_a_running_one_is_not(
    other: "subprocess.Popen[str]", temporary: Path
) -> None:
    left = _staged(other)
    staging.sweep(temporary)
    assert (left / "training.pt").exists()
    other.kill()
    other.wait()
    own = staging.stage()  # the first one of this process in this folder
    assert list(temporary.iterdir()) == [own]
    staging.sweep(temporary)
    assert own.exists()


def test_locks_of_removed_folders_are_released(temporary: Path) -> None:
    for _ in range(5):
        staging.stage().rmdir()
    own = staging.stage()
    assert [folder for folder in staging._locked if folder.parent == temporary] == [own]


def test_on_a_file_system_without_locks_nothing_is_swept(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "no locks here")

    monkeypatch.setattr(fcntl, "flock", refuse)
    left = staging.stage(temporary)
    staging.sweep(temporary)
    assert left.exists()
