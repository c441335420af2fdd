"""The command of a training killed again and again, and stopped as a terminal stops it."""

import os
import random
import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.support.killable_project import (
    NUM_STEPS,
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
from tests.support.project import Project

pytestmark = [pytest.mark.soak, pytest.mark.pipeline, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return prepared_training(tmp_path_factory.mktemp("prepared"))


@pytest.fixture(scope="module")
def undisturbed(prepared: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = copied(prepared, tmp_path_factory.mktemp("undisturbed") / "project")
    project.run(*TRAIN)
    return project


def test_killed_again_and_again_it_ends_as_if_nothing_had_been(
    prepared: Project, undisturbed: Project, tmp_path: Path
) -> None:
    project = copied(prepared, tmp_path / "project")
    draw = random.Random(0)
    for step in sorted(draw.sample(range(5, NUM_STEPS - 50), 3)):
        running = start(project, TRAIN)
        wait_for_step(project, step, running)
        time.sleep(draw.uniform(0.0, 0.3))
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
        assert not (project.folder / "models").exists()
    assert "continuing the interrupted training" in project.run(*TRAIN).stderr
    assert_trained_alike(project, undisturbed)


def test_after_dvc_alone_was_killed_the_same_training_waits_for_its_turn_and_goes_on(
    prepared: Project, undisturbed: Project, tmp_path: Path
) -> None:
    project = copied(prepared, tmp_path / "project")
    dvc = start(project, TRAIN)
    wait_for_step(project, 5, dvc)
    orphans = psutil.Process(dvc.pid).children(recursive=True)
    dvc.kill()
    second = start(project, TRAIN_STAGE)
    said = second.communicate(timeout=600)[0]
    assert second.returncode == 0, said
    assert "continuing the interrupted training" in said
    assert psutil.wait_procs(orphans, timeout=30)[1] == []
    dvc.communicate()
    assert_trained_alike(project, undisturbed)


@pytest.mark.usefixtures("signals_heard")
def test_an_interruption_from_the_terminal_saves_and_says_how_to_go_on(
    prepared: Project, undisturbed: Project, tmp_path: Path
) -> None:
    project = copied(prepared, tmp_path / "project")
    running = start(project, TRAIN)
    wait_for_step(project, 33, running)
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does: to DVC, the stage and Ray
    said = running.communicate(timeout=300)[0]
    assert "SIGINT: saving and stopping" in said
    assert "stopped; the same command continues" in said
    assert "Traceback" not in said
    assert running.returncode != 0
    assert newest_step(project) >= 33
    assert mlflow_run(project)[0] == "KILLED"
    project.run(*TRAIN)
    assert_trained_alike(project, undisturbed)
