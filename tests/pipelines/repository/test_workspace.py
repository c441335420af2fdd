"""Workspaces: separate from each other and the working copy, and continued after a crash."""

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
from tests.support.waiting import until

OPEN = """
import pathlib, sys, time
from pipelines.repository.git import resolve
from pipelines.repository.workspace import workspace
project = pathlib.Path(sys.argv[1])
with workspace(project, resolve(project, "HEAD", include_local_changes=False), {}) as opened:
    print(opened.folder, flush=True)
    (opened.project_dir / "half-done").touch()
    time.sleep(600)
"""


pytestmark = pytest.mark.slow  # each with a clone of the project


@pytest.fixture
def revision(project: Project) -> Revision:
    return resolve(project.folder, "HEAD", include_local_changes=False)


def _names(project: Project) -> list[str]:
    return sorted(path.name for path in (project.folder / WORKSPACES_DIR).iterdir())


@contextmanager
def _workspace_of_another(project: Project) -> Iterator[Path]:
    """Yield the workspace in which another process runs, which is killed at the end."""
    command = [sys.executable, "-c", OPEN, str(project.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            folder = Path(running.stdout.readline().strip())
            until((folder / "checkout" / "half-done").exists)
            yield folder
        finally:
            running.kill()


def test_overrides_are_in_the_workspace_and_nowhere_else(
    project: Project, revision: Revision
) -> None:
    before = (project.folder / "params.yaml").read_text()
    with workspace(project.folder, revision, {"train": {"seed": 7}}) as opened:
        assert "seed: 7" in (opened.project_dir / "params.yaml").read_text()
        assert git(opened.project_dir, "rev-parse", "HEAD") == revision.commit
        assert not opened.is_continued
        opened.discard()
    assert (project.folder / "params.yaml").read_text() == before
    assert git(project.folder, "status", "--porcelain") == ""
    assert _names(project) == []


def test_a_workspace_has_the_cache_and_the_remotes_of_the_project(
    project: Project, tmp_path: Path
) -> None:
    (project.folder / "remote").mkdir()
    project.run("dvc", "remote", "add", "--local", "-d", "here", "remote")
    project.run("git", "checkout", "-q", ".")
    revision = resolve(project.folder, "HEAD", include_local_changes=False)
    with workspace(project.folder, revision, {}) as opened:
        inside = Project(opened.project_dir)
        cache = inside.run("dvc", "cache", "dir").stdout.strip()
        assert Path(cache).resolve() == (project.folder / ".dvc" / "cache").resolve()
        assert inside.run("dvc", "remote", "list").stdout.split()[:2] == [
            "here",
            str(project.folder / "remote"),
        ]
        assert (opened.project_dir / ".dvc" / "config.local").stat().st_mode & 0o077 == 0


def test_two_equal_runs_at_once_have_a_workspace_each(project: Project, revision: Revision) -> None:
    with workspace(project.folder, revision, {}) as one, _workspace_of_another(project) as folder:
        assert folder != one.folder
        assert folder.name[:-1] == one.folder.name[:-1]


def test_the_workspace_of_a_killed_run_is_continued(project: Project, revision: Revision) -> None:
    with _workspace_of_another(project) as folder:
        pass
    with workspace(project.folder, revision, {}) as opened:
        assert opened.is_continued
        assert opened.folder == folder
        assert (opened.project_dir / "half-done").exists()
    with workspace(project.folder, revision, {"train": {"seed": 9}}) as other:
        assert other.folder != folder


def test_an_incomplete_checkout_is_made_again(project: Project, revision: Revision) -> None:
    with workspace(project.folder, revision, {}) as opened:
        (opened.folder / "ready").unlink()
        (opened.project_dir / "half").touch()
    with workspace(project.folder, revision, {}) as again:
        assert not again.is_continued
        assert not (again.project_dir / "half").exists()
        assert (again.project_dir / "dvc.yaml").exists()


def test_old_workspaces_are_removed_except_one_in_use_and_the_cache_stays(
    project: Project, revision: Revision
) -> None:
    cached = project.folder / ".dvc" / "cache" / "files" / "md5" / "aa" / "bb"
    cached.parent.mkdir(parents=True)
    cached.write_text("precious")
    with workspace(project.folder, revision, {}) as opened:
        _age(opened)
    with workspace(project.folder, revision, {"train": {"seed": 1}}) as young:
        pass
    with workspace(project.folder, revision, {"train": {"seed": 2}}) as used:
        _age(used)
        assert remove_stale(project.folder) == [opened.folder]
    assert _names(project) == sorted([young.folder.name, used.folder.name])
    assert cached.read_text() == "precious"


def _age(opened: Workspace) -> None:
    then = time.time() - 8 * 24 * 3600
    os.utime(opened.folder / "ready", (then, then))


def test_a_parameter_that_does_not_exist_is_refused(project: Project, revision: Revision) -> None:
    with (
        pytest.raises(ValueError, match=r"no key train\.no_such to override"),
        workspace(project.folder, revision, {"train": {"no_such": 1}}),
    ):
        pass


def test_the_stages_come_in_the_order_of_dvc(project: Project) -> None:
    assert stages_up_to(project.folder, ["evaluate"]) == [
        "ingest",
        "prepare",
        "parent",
        "train",
        "evaluate",
    ]
    assert stages_up_to(project.folder, ["prepare"]) == ["ingest", "prepare"]
    with pytest.raises(ValueError, match="no_such"):
        stages_up_to(project.folder, ["no_such"])
