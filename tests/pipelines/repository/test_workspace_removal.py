"""Removing workspaces while other runs begin, continue, or remove them as well."""

import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

from pipelines.processes.file_lock import try_lock
from pipelines.repository.git import resolve
from pipelines.repository.workspace import WORKSPACES_DIR, Workspace, remove_stale, workspace

REMOVE = shutil.rmtree
IDENTITY = ("-c", "user.name=test", "-c", "user.email=test@localhost")


def _stale(project_dir: Path, name: str) -> Path:
    """A workspace in which a run began eight days ago."""
    folder = project_dir / WORKSPACES_DIR / name
    (folder / "checkout").mkdir(parents=True)
    for file in ("lock", "ready"):
        (folder / file).touch()
    then = time.time() - 8 * 24 * 3600
    os.utime(folder / "ready", (then, then))
    return folder


@pytest.mark.parametrize("way", ["discarded", "stale"])
def test_a_workspace_has_lost_its_name_before_any_file_of_it_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """A run that begins meanwhile makes a folder of its own, and keeps it."""
    folder = _stale(tmp_path, "key-0")

    def remove(path: Path, **options: bool) -> None:
        folder.mkdir()
        (folder / "lock").write_text("of the next run")
        REMOVE(path, **options)

    monkeypatch.setattr(shutil, "rmtree", remove)
    if way == "stale":
        assert remove_stale(tmp_path) == [folder]
    else:
        Workspace(folder=folder, project_dir=folder, lock=0, is_continued=False).discard()
    assert [each.name for each in folder.parent.iterdir()] == ["key-0"]
    assert [each.name for each in folder.iterdir()] == ["lock"]


def test_two_flows_that_begin_together_remove_what_is_stale_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = _stale(tmp_path, "one-0"), _stale(tmp_path, "other-0")

    def remove(path: Path, **options: bool) -> None:
        REMOVE(path, **options)
        REMOVE(other)  # by the other flow, after this one has listed the folders

    monkeypatch.setattr(shutil, "rmtree", remove)
    assert remove_stale(tmp_path) == [one]


def test_what_an_interrupted_removal_has_left_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _stale(tmp_path, "key-0")
    monkeypatch.setattr(shutil, "rmtree", lambda path, **options: None)  # killed before it
    remove_stale(tmp_path)
    assert len(list(folder.parent.iterdir())) == 1
    monkeypatch.undo()
    assert remove_stale(tmp_path) == []
    assert list(folder.parent.iterdir()) == []


def test_a_killed_run_whose_number_another_user_has_now_is_waited_for_and_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command in (("init", "-q"), (*IDENTITY, "commit", "-q", "--allow-empty", "-m", "Start")):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    revision = resolve(tmp_path, "HEAD", include_local_changes=False)
    with workspace(tmp_path, revision, {}) as killed:
        pass
    lock = try_lock(killed.folder / "lock")  # of a stage of it, which is still saving
    assert lock is not None
    threading.Timer(0.3, os.close, [lock]).start()
    monkeypatch.setattr(os, "kill", _refused)
    with workspace(tmp_path, revision, {}) as again:
        assert (again.folder, again.is_continued) == (killed.folder, True)


def _refused(_process: int, _signal: int) -> None:
    raise PermissionError
