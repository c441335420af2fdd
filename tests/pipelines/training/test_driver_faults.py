"""A training is ended in two ways; the same command then ends as without interruption."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from pipelines.paths import HISTORY_PATH
from pipelines.runs.checkpoints import newest_checkpoint
from pipelines.runs.folder import open_folder
from pipelines.tracking.finished_run import read_history
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
from tests.support.project import Project

pytestmark = pytest.mark.pipeline

Begin = Callable[[tuple[str, ...]], "subprocess.Popen[str]"]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with prepared data, whose training is long enough to be ended twice."""
    return prepared_training(tmp_path / "project", num_epochs=10)


@pytest.fixture
def undisturbed(project: Project, tmp_path: Path) -> Project:
    """A copy of the project whose training is not interrupted."""
    copy = copied(project, tmp_path / "undisturbed")
    copy.run(*TRAIN)
    return copy


@pytest.fixture
def begin(project: Project) -> Iterator[Begin]:
    """Return a function that starts commands in the project; they end with the test."""
    begun: list[subprocess.Popen[str]] = []

    def begin(command: tuple[str, ...]) -> "subprocess.Popen[str]":
        begun.append(start(project, command))
        return begun[-1]

    yield begin
    for process in begun:
        with suppress(ProcessLookupError):  # it, or what it has left, is a group
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_ended_well_and_then_killed_it_ends_as_if_nothing_had_been(
    project: Project, undisturbed: Project, begin: Begin
) -> None:
    """`tests/soak/test_killed_driver.py` kills more often, also DVC alone, and as a terminal does.

    That a stage ends with its DVC, and waits for one that still saves, test_parent_watch.py and
    test_owner.py show without Ray.
    """
    # SIGTERM to every process, as `timeout`, systemd and Slurm send it.
    stage = begin(TRAIN_STAGE)
    wait_for_step(project, 1, stage)
    family = psutil.Process(stage.pid).children(recursive=True)
    stage.send_signal(signal.SIGTERM)
    os.killpg(stage.pid, signal.SIGTERM)
    for process in family:
        process.terminate()
    output = stage.communicate(timeout=120)[0]
    assert stage.returncode == 128 + signal.SIGTERM, output
    assert "SIGTERM: saving and stopping" in output
    assert "stopped; the same command continues" in output
    assert "Traceback" not in output
    assert psutil.wait_procs(family, timeout=20)[1] == []
    assert mlflow_run(project)[0] == "KILLED"
    run_key = _run_key(project)

    # SIGKILL to every process.
    dvc = begin(TRAIN)
    wait_for_step(project, newest_step(project) + 30, dvc)
    os.killpg(dvc.pid, signal.SIGKILL)
    dvc.wait()
    assert not (project.folder / "models").exists()
    assert _run_key(project) == run_key
    (folder,) = project.folder.glob(".runs/*/checkpoints")
    newest = newest_checkpoint(open_folder(str(folder)))
    assert newest is not None
    kept = newest[1]["history"]

    assert "continuing the interrupted training" in project.run(*TRAIN).stderr
    history = read_history(project.folder / HISTORY_PATH)
    assert list(history[: len(kept)]) == kept  # also their clock: they were not trained again
    assert json.loads((project.folder / "reports" / "train.json").read_text())["run_key"] == run_key
    assert_trained_alike(project, undisturbed)


def _run_key(project: Project) -> str:
    (path,) = project.folder.glob(".runs/*/run.json")
    return str(json.loads(path.read_text())["run_key"])
