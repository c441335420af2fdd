"""Killing or stopping the command: the same command ends where an undisturbed study ends."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.storage import open_folder
from pipelines.study_log import read_trials
from pix2pix.tuning.trials import Trial
from tests.pipelines.conftest import Project, copy_project

pytestmark = pytest.mark.pipeline

STAGE = ("python", "-m", "pipelines.stages.tune")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with its data prepared, for three trials of two epochs, one at a time.

    ASHA looks at each after its first epoch: what it knew has to survive, too.
    """
    project = copy_project(tmp_path_factory.mktemp("prepared"))
    project.set_params("smoke")
    path = project.folder / "params.yaml"
    text = path.read_text()
    head, tune = text.split("\ntune:\n")
    for old, new in (
        ("num_trials: 2", "num_trials: 3"),
        ("num_epochs: 1", "num_epochs: 2"),
        ("max_concurrent_trials: null", "max_concurrent_trials: 1"),
    ):
        assert old in tune
        tune = tune.replace(old, new, 1)
    path.write_text(f"{head}\ntune:\n{tune}")
    project.run("dvc", "repro", "prepare")
    return project


@pytest.fixture(scope="module")
def undisturbed(prepared: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = _copy(prepared, tmp_path_factory.mktemp("undisturbed") / "project")
    project.run("dvc", "repro", "tune")
    return project


def _copy(project: Project, folder: Path) -> Project:
    shutil.copytree(project.folder, folder, symlinks=True)
    return Project(folder)


def _start(project: Project) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        STAGE,
        cwd=project.folder,
        env=project.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def _trials(project: Project) -> list[Trial]:
    (study,) = [*project.folder.glob(".runs/tune-*")] or [Path("none")]
    return read_trials(open_folder(str(study)))


def _wait(
    project: Project, running: "subprocess.Popen[str]", is_reached: Callable[[list[Trial]], bool]
) -> None:
    started_s = time.monotonic()
    while not is_reached(_trials(project)):
        if running.poll() is not None:
            pytest.fail(f"it ended too early: {running.communicate()[0]}")
        assert time.monotonic() - started_s < 600
        time.sleep(0.05)


def _has_one_and_a_half(trials: list[Trial]) -> bool:
    """One trial is finished, and the next has its first epoch."""
    return len(trials) > 1 and trials[0].status == "finished" and trials[1].num_epochs == 1


def _found(project: Project) -> list[dict[str, Any]]:
    """The trials, without what the clock says."""
    study = json.loads((project.folder / "reports" / "tune" / "study.json").read_text())
    clock = ("perf/", "time_s")
    for trial in study["trials"]:
        del trial["started_s"]
        trial["history"] = [
            {key: value for key, value in record.items() if not key.startswith(clock)}
            for record in trial["history"]
        ]
    trials: list[dict[str, Any]] = study["trials"]
    return trials


def _assert_ended_alike(project: Project, undisturbed: Project) -> None:
    assert _found(project) == _found(undisturbed)
    best = "reports/tune/best_params.yaml"
    assert (project.folder / best).read_text() == (undisturbed.folder / best).read_text()
    assert list(project.folder.glob(".runs/*")) == []


def test_killed_it_goes_on_without_repeating_finished_trials(
    prepared: Project, undisturbed: Project, tmp_path: Path
) -> None:
    project = _copy(prepared, tmp_path / "project")
    running = _start(project)
    _wait(project, running, _has_one_and_a_half)
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    finished = _trials(project)[0]
    said = project.run("dvc", "repro", "tune").stderr
    assert "continuing the interrupted study" in said
    assert "trial 0" not in said.replace("in trial 0", "")
    study = json.loads((project.folder / "reports" / "tune" / "study.json").read_text())
    assert study["trials"][0]["started_s"] == finished.started_s
    assert study["trials"][0]["history"] == [dict(record) for record in finished.history]
    _assert_ended_alike(project, undisturbed)


def test_a_signal_stops_it_in_good_order_and_says_how_to_go_on(
    prepared: Project, undisturbed: Project, tmp_path: Path
) -> None:
    project = _copy(prepared, tmp_path / "project")
    running = _start(project)
    _wait(project, running, _has_one_and_a_half)
    running.send_signal(signal.SIGTERM)
    said = running.communicate(timeout=300)[0]
    assert "the same command continues the study in" in said
    assert "Traceback" not in said
    assert running.returncode == 128 + signal.SIGTERM
    project.run("dvc", "repro", "tune")
    _assert_ended_alike(project, undisturbed)
