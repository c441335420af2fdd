"""Killing or stopping the command itself: the same command ends where an undisturbed one ends."""

import json
import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.pipelines.conftest import Project
from tests.support.killable_project import (
    TRAIN,
    TRAIN_STAGE,
    assert_trained_alike,
    copied,
    mlflow_run,
    newest_step,
    prepared_training,
    start,
    wait_for_step,
)

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return prepared_training(tmp_path_factory.mktemp("prepared"))


@pytest.fixture(scope="module")
def undisturbed(prepared: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = copied(prepared, tmp_path_factory.mktemp("undisturbed") / "project")
    project.run(*TRAIN)
    return project


def test_stopped_and_then_killed_it_ends_as_if_nothing_had_been(
    prepared: Project, undisturbed: Project, tmp_path: Path
) -> None:
    """`tests/soak/test_killed_driver.py` kills more often, and stops DVC as a terminal does."""
    project = copied(prepared, tmp_path / "project")
    running = start(project, TRAIN_STAGE)
    wait_for_step(project, 33, running)
    running.send_signal(signal.SIGTERM)
    said = running.communicate(timeout=300)[0]
    assert "SIGTERM: saving and stopping" in said
    assert "stopped; the same command continues" in said
    assert "Traceback" not in said
    assert running.returncode == 128 + signal.SIGTERM
    stopped_at = newest_step(project)
    assert stopped_at >= 33
    assert mlflow_run(project)[0] == "KILLED"

    running = start(project, TRAIN)
    wait_for_step(project, stopped_at + 30, running)
    time.sleep(random.Random(0).uniform(0.0, 0.2))
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    assert not (project.folder / "models").exists()
    run_key = json.loads(next(project.folder.glob(".runs/*/run.json")).read_text())["run_key"]

    said = project.run(*TRAIN).stderr
    assert "continuing the interrupted training" in said
    assert json.loads((project.folder / "reports" / "train.json").read_text())["run_key"] == run_key
    assert_trained_alike(project, undisturbed)
