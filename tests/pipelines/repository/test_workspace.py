"""Workspaces: apart from each other and from the working copy, found again after a crash."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipelines.repository.dvc_project import stages_up_to
from pipelines.repository.git import Revision, git, resolve
from pipelines.repository.workspace import WORKSPACES_DIR, Workspace, remove_stale, workspace
from tests.support.project import Project

HOLD = """
import pathlib, sys, time
from pipelines.repository.git import resolve
from pipelines.repository.workspace import workspace
project = pathlib.Path(sys.argv[1])
with workspace(project, resolve(project, "HEAD", include_local_changes=False), {}) as held:
    print(held.folder, flush=True)
    (held.project_dir / "half-done").touch()
    time.sleep(600)
"""


pytestmark = pytest.mark.slow  # each with a clone of the project


@pytest.fixture
def revision(project: Project) -> Revision:
    return resolve(project.folder, "HEAD", include_local_changes=False)


def _names(project: Project) -> list[str]:
    return sorted(path.name for path in (project.folder / WORKSPACES_DIR).iterdir())


@contextmanager
def _held_by_another(project: Project) -> Iterator[Path]:
    """The folder that another process works in; it is killed at the end."""
    command = [sys.executable, "-c", HOLD, str(project.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            folder = Path(running.stdout.readline().strip())
            while not (folder / "checkout" / "half-done").exists():
                time.sleep(0.05)
            yield folder
        finally:
            running.kill()


def test_overrides_are_in_the_workspace_and_nowhere_else(
    project: Project, revision: Revision
) -> None:
    before = (project.folder / "params.yaml").read_text()
    with workspace(project.folder, revision, {"train": {"seed": 7}}) as held:
        assert "seed: 7" in (held.project_dir / "params.yaml").read_text()
        assert git(held.project_dir, "rev-parse", "HEAD") == revision.commit
        assert not held.is_continued
        held.discard()
    assert (project.folder / "params.yaml").read_text() == before
    assert git(project.folder, "status", "--porcelain") == ""
    assert _names(project) == []


def test_the_cache_is_shared_and_remotes_are_found(project: Project, tmp_path: Path) -> None:
    (project.folder / "remote").mkdir()
    project.run("dvc", "remote", "add", "--local", "-d", "here", "remote")
    project.run("git", "checkout", "-q", ".")
    revision = resolve(project.folder, "HEAD", include_local_changes=False)
    with workspace(project.folder, revision, {}) as held:
        inside = Project(held.project_dir)
        cache = inside.run("dvc", "cache", "dir").stdout.strip()
        assert Path(cache).resolve() == (project.folder / ".dvc" / "cache").resolve()
        assert inside.run("dvc", "remote", "list").stdout.split()[:2] == [
            "here",
            str(project.folder / "remote"),
        ]
        assert (held.project_dir / ".dvc" / "config.local").stat().st_mode & 0o077 == 0


def test_two_runs_of_the_same_have_a_workspace_each(project: Project, revision: Revision) -> None:
    with workspace(project.folder, revision, {}) as one, _held_by_another(project) as folder:
        assert folder != one.folder
        assert folder.name[:-1] == one.folder.name[:-1]


def test_what_a_killed_run_left_is_gone_on_with(project: Project, revision: Revision) -> None:
    with _held_by_another(project) as folder:
        pass
    with workspace(project.folder, revision, {}) as held:
        assert held.is_continued
        assert held.folder == folder
        assert (held.project_dir / "half-done").exists()
    with workspace(project.folder, revision, {"train": {"seed": 9}}) as other:
        assert other.folder != folder


def test_a_checkout_that_was_cut_off_is_made_anew(project: Project, revision: Revision) -> None:
    with workspace(project.folder, revision, {}) as held:
        (held.folder / "ready").unlink()
        (held.project_dir / "half").touch()
    with workspace(project.folder, revision, {}) as again:
        assert not again.is_continued
        assert not (again.project_dir / "half").exists()
        assert (again.project_dir / "dvc.yaml").exists()


def test_old_workspaces_are_removed_and_never_one_that_is_held_or_the_cache(
    project: Project, revision: Revision
) -> None:
    cached = project.folder / ".dvc" / "cache" / "files" / "md5" / "aa" / "bb"
    cached.parent.mkdir(parents=True)
    cached.write_text("precious")
    with workspace(project.folder, revision, {}) as held:
        _age(held)
    with workspace(project.folder, revision, {"train": {"seed": 1}}) as young:
        pass
    with workspace(project.folder, revision, {"train": {"seed": 2}}) as used:
        _age(used)
        assert remove_stale(project.folder, older_than_s=3600) == [held.folder]
    assert _names(project) == sorted([young.folder.name, used.folder.name])
    assert cached.read_text() == "precious"


def _age(held: Workspace) -> None:
    then = time.time() - 7200
    os.utime(held.folder / "ready", (then, then))


def test_a_parameter_that_does_not_exist_is_refused(project: Project, revision: Revision) -> None:
    with (
        pytest.raises(ValueError, match=r"no key train\.no_such to override"),
        workspace(project.folder, revision, {"train": {"no_such": 1}}),
    ):
        pass


def test_the_stages_come_in_the_order_of_dvc(project: Project) -> None:
    assert stages_up_to(project.folder, ["evaluate"]) == ["ingest", "prepare", "train", "evaluate"]
    assert stages_up_to(project.folder, ["prepare"]) == ["ingest", "prepare"]
    with pytest.raises(ValueError, match="no_such"):
        stages_up_to(project.folder, ["no_such"])
