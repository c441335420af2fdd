"""Ends of processes around a training: of all of them, and of the DVC that started it."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.pipelines.conftest import Project
from tests.support.killable_project import (
    TRAIN,
    TRAIN_STAGE,
    lengthen,
    mlflow_run,
    newest_step,
    prepared_training,
    start,
    wait_for_step,
)

pytestmark = pytest.mark.pipeline


Begin = Callable[[Project, tuple[str, ...]], "subprocess.Popen[str]"]


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Starts commands, of which nothing is left after the test."""
    begun: list[subprocess.Popen[str]] = []

    def begin(project: Project, command: tuple[str, ...]) -> "subprocess.Popen[str]":
        begun.append(start(project, command))
        return begun[-1]

    yield begin
    for process in begun:
        with suppress(ProcessLookupError):  # it, or what it has left, is a group
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_sigterm_to_all_processes_saves_and_the_end_of_dvc_stops_its_stage(
    begin: Begin, tmp_path: Path
) -> None:
    """SIGTERM as `timeout`, systemd and Slurm send it; then SIGKILL to DVC alone, with the same
    training at once after it."""
    project = prepared_training(tmp_path)
    lengthen(project)
    stage = begin(project, TRAIN_STAGE)
    wait_for_step(project, 1, stage)
    family = psutil.Process(stage.pid).children(recursive=True)
    stage.send_signal(signal.SIGTERM)
    os.killpg(stage.pid, signal.SIGTERM)
    for process in family:
        process.terminate()
    said = stage.communicate(timeout=120)[0]
    assert stage.returncode == 128 + signal.SIGTERM, said
    assert "SIGTERM: saving and stopping" in said
    assert "stopped; the same command continues" in said
    assert "Traceback" not in said
    assert psutil.wait_procs(family, timeout=20)[1] == []
    assert mlflow_run(project)[0] == "KILLED"
    stopped_at, run_key = newest_step(project), _run_key(project)

    dvc = begin(project, TRAIN)
    wait_for_step(project, stopped_at + 1, dvc)
    orphans = psutil.Process(dvc.pid).children(recursive=True)
    dvc.kill()
    second = begin(project, TRAIN_STAGE)
    said = _read_until("continuing the interrupted training", second)
    assert "is in use by process" in said
    assert psutil.wait_procs(orphans, timeout=30)[1] == []
    assert _run_key(project) == run_key


def _read_until(text: str, running: "subprocess.Popen[str]") -> str:
    assert running.stdout is not None
    said = ""
    for line in running.stdout:
        said += line
        if text in line:
            return said
    pytest.fail(f"it ended without {text!r}: {said}")


def _run_key(project: Project) -> str:
    (path,) = project.folder.glob(".runs/*/run.json")
    return str(json.loads(path.read_text())["run_key"])
