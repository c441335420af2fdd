"""Killing or stopping the command itself: the same command ends where an undisturbed one ends."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from pipelines.checkpoints import CheckpointName
from pipelines.finished_run import read_history
from tests.pipelines.conftest import Project, copy_project
from tests.pipelines.small_training import steady

pytestmark = pytest.mark.pipeline

TRAIN = ("dvc", "repro", "train")
STAGE = ("python", "-m", "pipelines.stages.train")
NUM_STEPS = 8 * 22

# In a process of its own: MLflow keeps connections to a database file.
LIST_RUNS = """
import json
from mlflow import MlflowClient
client = MlflowClient("sqlite:///mlflow.db")
(run,) = client.search_runs([client.get_experiment_by_name("pix2pix").experiment_id])
points = {
    name: [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, name)]
    for name in run.data.metrics
}
images = {item.path for item in client.list_artifacts(run.info.run_id, "images")}
print(json.dumps([run.info.status, points, len(images)]))
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with its data prepared, for a training of some 15 s."""
    project = copy_project(tmp_path_factory.mktemp("prepared"))
    project.set_params(
        "smoke",
        num_epochs="6",
        num_decay_epochs="2",
        batch_size="1",
        best_from_epoch="3",
        sample_every_epochs="4",
        checkpoint_every_steps="15",
    )
    project.run("dvc", "repro", "prepare")
    return project


def _copy(project: Project, folder: Path) -> Project:
    shutil.copytree(project.folder, folder, symlinks=True)
    return Project(folder)


@pytest.fixture(scope="module")
def undisturbed(prepared: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = _copy(prepared, tmp_path_factory.mktemp("undisturbed") / "project")
    project.run(*TRAIN)
    return project


def _start(project: Project, command: tuple[str, ...]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        command,
        cwd=project.folder,
        env=project.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def _wait_for_step(project: Project, step: int, running: "subprocess.Popen[str]") -> None:
    """Until there is a checkpoint of that step or a later one."""
    started_s = time.monotonic()
    while _newest_step(project) < step:
        if running.poll() is not None:
            pytest.fail(f"it ended before step {step}: {running.communicate()[0]}")
        assert time.monotonic() - started_s < 600
        time.sleep(0.02)


def _newest_step(project: Project) -> int:
    names = (path.name for path in project.folder.glob(".runs/*/checkpoints/*.pt"))
    parsed = [name for name in map(CheckpointName.parse, names) if name is not None]
    return max((name.step for name in parsed), default=0)


def _history(project: Project) -> list[dict[str, float]]:
    return [*map(steady, read_history(project.folder / "reports" / "history.jsonl"))]


def _mlflow(project: Project) -> tuple[str, dict[str, list[tuple[int, float]]], int]:
    """Status, points by metric and number of image files of the one run there is."""
    status, points, num_images = json.loads(project.run("python", "-c", LIST_RUNS).stdout)
    for name, found in points.items():
        steps = [step for step, _ in found]
        assert sorted(steps) == sorted(set(steps)), name  # each exactly once
    return status, points, num_images


def _without_clock(points: dict[str, Any]) -> dict[str, Any]:
    return {name: sorted(found) for name, found in points.items() if not name.startswith("perf/")}


def _assert_ended_alike(project: Project, undisturbed: Project) -> None:
    for name in ("generator.safetensors", "discriminator.safetensors", "model.json"):
        one, two = (folder / "models" / name for folder in (project.folder, undisturbed.folder))
        assert one.read_bytes() == two.read_bytes(), name
    assert _history(project) == _history(undisturbed)
    for grid in (undisturbed.folder / "reports" / "samples").iterdir():
        assert (
            project.folder / "reports" / "samples" / grid.name
        ).read_bytes() == grid.read_bytes()
    status, points, num_images = _mlflow(project)
    expected_status, expected_points, expected_images = _mlflow(undisturbed)
    assert (status, num_images) == (expected_status, expected_images)
    assert _without_clock(points) == _without_clock(expected_points)
    assert points.keys() == expected_points.keys()
    assert list(project.folder.glob(".runs/*")) == []


def test_killed_again_and_again_it_ends_as_if_nothing_had_been(
    prepared: Project, undisturbed: Project, tmp_path: Path
) -> None:
    project = _copy(prepared, tmp_path / "project")
    draw = random.Random(0)
    for step in sorted(draw.sample(range(5, NUM_STEPS - 50), 3)):
        running = _start(project, TRAIN)
        _wait_for_step(project, step, running)
        time.sleep(draw.uniform(0.0, 0.3))
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
        assert not (project.folder / "models").exists()
    run_key = json.loads(next(project.folder.glob(".runs/*/run.json")).read_text())["run_key"]
    said = project.run(*TRAIN).stderr
    assert "continuing the interrupted training" in said
    assert json.loads((project.folder / "reports" / "train.json").read_text())["run_key"] == run_key
    _assert_ended_alike(project, undisturbed)


@pytest.mark.parametrize(("number", "command"), [(signal.SIGTERM, STAGE), (signal.SIGINT, TRAIN)])
def test_a_signal_saves_and_says_how_to_go_on(
    number: signal.Signals,
    command: tuple[str, ...],
    prepared: Project,
    undisturbed: Project,
    tmp_path: Path,
) -> None:
    project = _copy(prepared, tmp_path / "project")
    running = _start(project, command)
    _wait_for_step(project, 33, running)
    if command == STAGE:
        running.send_signal(number)
    else:
        os.killpg(running.pid, number)  # as a terminal does: to DVC, the stage and Ray
    said = running.communicate(timeout=300)[0]
    assert f"{number.name}: saving and stopping" in said
    assert "stopped; the same command continues" in said
    assert "Traceback" not in said
    if command == STAGE:
        assert running.returncode == 128 + number
    else:
        assert running.returncode != 0
    stopped_at = _newest_step(project)
    assert stopped_at >= 33
    assert _mlflow(project)[0] == "KILLED"
    project.run(*command)
    _assert_ended_alike(project, undisturbed)


def test_a_second_signal_stops_at_once(prepared: Project, tmp_path: Path) -> None:
    project = _copy(prepared, tmp_path / "project")
    running = _start(project, STAGE)
    _wait_for_step(project, 10, running)
    running.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    running.send_signal(signal.SIGTERM)
    said = running.communicate(timeout=300)[0]
    assert running.returncode in (130, 128 + signal.SIGTERM)  # it may have been done by then
    assert "Traceback" not in said
