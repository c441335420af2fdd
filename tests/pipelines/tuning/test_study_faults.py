"""Killing the command of a study: what is finished is not run again."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.killable_project import (
    STUDY_EPOCHS,
    TUNE_STAGE,
    copied,
    has_one_and_a_half,
    prepared_study,
    reported_trials,
    start,
    study_of,
    trials,
    wait_for_trials,
)
from tests.support.project import Project

pytestmark = pytest.mark.pipeline


def _lose_checkpoints(project: Project, trial: str) -> None:
    """Leave none that Ray Tune's saved state can name, but a later one.

    So it is if Ray Tune is killed after it has deleted old checkpoints, and before it saves that.
    """
    [folder] = project.folder.glob(f".runs/tune-*/search/{trial}")
    *older, newest = sorted(folder.glob("checkpoint_*"))
    newest.rename(folder / "checkpoint_000099")
    for path in older:
        shutil.rmtree(path)


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose study was killed in its second trial."""
    project = prepared_study(tmp_path_factory.mktemp("project"))
    running = start(project, TUNE_STAGE)
    wait_for_trials(project, running, has_one_and_a_half)
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    return project


@pytest.fixture
def project(killed: Project, tmp_path: Path) -> Iterator[Project]:
    """The project at its path, which Ray Tune's files name; a copy takes its place afterwards."""
    copy = copied(killed, tmp_path / "copy")
    yield killed
    shutil.rmtree(killed.folder)
    copy.folder.rename(killed.folder)


@pytest.mark.parametrize("has_lost_checkpoints", [False, True])
def test_killed_it_goes_on_without_repeating_finished_trials(
    project: Project, has_lost_checkpoints: bool
) -> None:
    """`tests/soak/test_killed_study.py` compares with a study that nothing happened to."""
    finished, cut_off, *_ = trials(project)
    if has_lost_checkpoints:
        _lose_checkpoints(project, "trial_0001")

    said = project.run("dvc", "repro", "tune").stderr
    assert "continuing the interrupted study" in said
    assert reported_trials(said) == {1, 2}, said
    first, second, *others = study_of(project)
    assert first["started_s"] == finished.started_s
    assert first["history"] == [dict(record) for record in finished.history]
    # What was saved of the second trial is not trained again; one second may be lost.
    kept = cut_off.history[:2]
    assert second["history"][: len(kept)] == [dict(record) for record in kept]
    assert [record["epoch"] for record in second["history"]] == [*range(STUDY_EPOCHS + 1)]
    assert [trial["status"] for trial in (first, second, *others)] == ["finished"] * 3
    assert len(others) == 1
    assert list(project.folder.glob(".runs/*")) == [], said
