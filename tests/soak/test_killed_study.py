"""A study whose command is stopped and then killed ends where an undisturbed one ends."""

import os
import signal
from pathlib import Path

import pytest

from pix2pix.tuning.trials import Trial
from tests.support.killable_project import (
    TUNE_STAGE,
    assert_searched_alike,
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

pytestmark = [pytest.mark.soak, pytest.mark.pipeline, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return prepared_study(tmp_path_factory.mktemp("prepared"))


@pytest.fixture(scope="module")
def undisturbed(prepared: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = copied(prepared, tmp_path_factory.mktemp("undisturbed") / "project")
    project.run("dvc", "repro", "tune")
    return project


def _has_begun(trials: list[Trial]) -> bool:
    """The first trial has its first epoch."""
    return bool(trials) and trials[0].num_epochs >= 1


def test_stopped_and_then_killed_it_goes_on_without_repeating_finished_trials(
    prepared: Project, undisturbed: Project, tmp_path: Path
) -> None:
    project = copied(prepared, tmp_path / "project")
    running = start(project, TUNE_STAGE)
    wait_for_trials(project, running, _has_begun)
    running.send_signal(signal.SIGTERM)
    said = running.communicate(timeout=300)[0]
    assert "the same command continues the study in" in said
    assert "Traceback" not in said
    assert running.returncode == 128 + signal.SIGTERM

    running = start(project, TUNE_STAGE)
    wait_for_trials(project, running, has_one_and_a_half)
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    finished = trials(project)[0]

    said = project.run("dvc", "repro", "tune").stderr
    assert "continuing the interrupted study" in said
    assert 0 not in reported_trials(said), said
    first = study_of(project)[0]
    assert first["started_s"] == finished.started_s
    assert first["history"] == [dict(record) for record in finished.history]
    assert_searched_alike(project, undisturbed)
