"""Files that Ray copies: the old or the new content, never a part."""

import errno
import io
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem, copy_files

from pipelines.runs.whole_files import with_whole_files

_KILLED_WHILE_IT_WRITES = """
import os, signal, sys
from pyarrow.fs import LocalFileSystem
from pipelines.runs.whole_files import with_whole_files
stream = with_whole_files(LocalFileSystem()).open_output_stream(sys.argv[1])
stream.write(b"n" * 2**20)
stream.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    file = tmp_path / "state.json"
    file.write_bytes(b"old")
    return file


def test_a_file_is_replaced_when_its_stream_is_closed(state: Path) -> None:
    with with_whole_files(LocalFileSystem()).open_output_stream(str(state)) as stream:
        stream.write(b"new")
        stream.flush()
        assert state.read_bytes() == b"old"
    assert state.read_bytes() == b"new"
    assert [path.name for path in state.parent.iterdir()] == ["state.json"]


def test_a_process_that_is_killed_leaves_the_old_file(state: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _KILLED_WHILE_IT_WRITES, str(state)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert state.read_bytes() == b"old"


def test_a_disk_that_is_full_leaves_the_old_file(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(_self: io.FileIO, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(io, "FileIO", type("Full", (io.FileIO,), {"write": write}))
    stream = with_whole_files(LocalFileSystem()).open_output_stream(str(state))
    with pytest.raises(OSError, match="No space left"):
        stream.write(b"n" * 2**20)
    stream.close()
    assert state.read_bytes() == b"old"
    assert [path.name for path in state.parent.iterdir()] == ["state.json"]


def test_folders_are_copied_by_a_file_system_that_travels_to_a_worker(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "deep").mkdir(parents=True)
    (source / "a").write_bytes(b"a" * 3_000_000)
    (source / "deep" / "b").write_bytes(b"")
    filesystem = pickle.loads(pickle.dumps(with_whole_files(LocalFileSystem())))
    target.mkdir()
    copy_files(str(source), str(target), destination_filesystem=filesystem)
    found = {str(path.relative_to(target)): path for path in target.rglob("*") if path.is_file()}
    assert {name: path.read_bytes() for name, path in found.items()} == {
        "a": b"a" * 3_000_000,
        "deep/b": b"",
    }


def test_another_file_system_stays_as_it_is() -> None:
    store = SubTreeFileSystem("/", LocalFileSystem())
    assert with_whole_files(store) is store
