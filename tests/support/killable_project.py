"""A project whose training or study is started as a command, killed, and started again."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.runs.checkpoints import CheckpointName
from pipelines.runs.folder import open_folder
from pipelines.tracking.finished_run import read_history
from pipelines.tuning.results import read_trial
from pix2pix.config import Params, load_params
from pix2pix.tuning.trials import Trial
from tests.support.project import Project, copy_project
from tests.support.small_training import steady

TRAIN = ("dvc", "repro", "train")
TRAIN_STAGE = ("python", "-m", "pipelines.stages.train")
TUNE_STAGE = ("python", "-m", "pipelines.stages.tune")
STUDY_EPOCHS = 20  # of a trial
NUM_STEPS = 8 * 22  # of a training of the default length

# In a process of its own: MLflow keeps connections to a database file.
_LIST_RUNS = """
import json
from mlflow import MlflowClient
client = MlflowClient("sqlite:///mlflow.db")
(run,) = client.search_runs([client.get_experiment_by_name("pix2pix").experiment_id])
points = {
    name: [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, name)]
    for name in run.data.metrics
    if not name.startswith("system/")  # the load of the machine, every ten seconds
}
images = {item.path for item in client.list_artifacts(run.info.run_id, "images")}
print(json.dumps([run.info.status, points, len(images)]))
"""


def prepared_training(folder: Path, *, num_epochs: int = 6) -> Project:
    """A project with its data prepared, for a training of two epochs more, some seconds long."""
    folder.mkdir(parents=True, exist_ok=True)
    project = copy_project(folder)
    project.set_params(
        "smoke",
        image_size="32",
        load_size="36",
        base_channels="4",
        discriminator_channels="4",
        num_epochs=str(num_epochs),
        num_decay_epochs="2",
        batch_size="1",
        best_from_epoch="3",
        sample_every_epochs="4",
        checkpoint_every_steps="15",
    )
    project.run("dvc", "repro", "prepare")
    return project


def lengthen(project: Project) -> None:
    """Make the training so long that it does not end by itself in the course of a test."""
    path = project.folder / "params.yaml"
    path.write_text(path.read_text().replace("num_epochs: 6", "num_epochs: 600", 1))


def prepared_study(folder: Path) -> Project:
    """A project with its data prepared, for three trials of many short epochs, one at a time."""
    project = copy_project(folder)
    project.set_params(
        "smoke", image_size="32", load_size="36", base_channels="4", dropout_layout="torch"
    )
    path = project.folder / "params.yaml"
    head, tune = path.read_text().split("\ntune:\n")
    for old, new in (
        ("num_trials: 2", "num_trials: 3"),
        ("num_epochs: 1", f"num_epochs: {STUDY_EPOCHS}"),
        ("scheduler: asha", "scheduler: none"),
        ("max_concurrent_trials: null", "max_concurrent_trials: 1"),
    ):
        assert old in tune
        tune = tune.replace(old, new, 1)
    path.write_text(f"{head}\ntune:\n{tune}")
    project.run("dvc", "repro", "prepare")
    return project


def copied(project: Project, folder: Path) -> Project:
    """A copy that may be changed."""
    shutil.copytree(project.folder, folder, symlinks=True)
    return Project(folder)


def start(project: Project, command: tuple[str, ...]) -> "subprocess.Popen[str]":
    """Start a command in a process group of its own; its output is one stream."""
    return subprocess.Popen(
        command,
        cwd=project.folder,
        # Each second, in place of every ten, Ray Tune saves the state of a study.
        env=project.environment() | {"TUNE_GLOBAL_CHECKPOINT_S": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_for_step(project: Project, step: int, running: "subprocess.Popen[str]") -> None:
    """Until there is a checkpoint of that step or a later one."""
    _wait(running, lambda: newest_step(project) >= step)


def wait_for_trials(
    project: Project, running: "subprocess.Popen[str]", is_reached: Callable[[list[Trial]], bool]
) -> None:
    """Until the trials of the study are as far as asked for."""
    params = _params(project)  # read once: that takes as long as many looks at the trials
    _wait(running, lambda: is_reached(_trials(project, params)))


def has_one_and_a_half(trials: list[Trial]) -> bool:
    """Whether one trial is finished, and the next has some epochs."""
    return len(trials) > 1 and trials[0].num_epochs == STUDY_EPOCHS and trials[1].num_epochs > 4


def reported_trials(said: str) -> set[int]:
    """The numbers of the trials whose progress a command reported, not of those it only names."""
    return {int(number) for number in re.findall(r"^INFO trial (\d+)\b", said, re.MULTILINE)}


def _wait(running: "subprocess.Popen[str]", is_reached: Callable[[], bool]) -> None:
    started_s = time.monotonic()
    while not is_reached():
        if running.poll() is not None:
            pytest.fail(f"it ended too early: {running.communicate()[0]}")
        assert time.monotonic() - started_s < 600
        time.sleep(0.02)


def newest_step(project: Project) -> int:
    """The step of the newest checkpoint; 0 if there is none."""
    names = (path.name for path in project.folder.glob(".runs/*/checkpoints/*.pt"))
    parsed = [name for name in map(CheckpointName.parse, names) if name is not None]
    return max((name.step for name in parsed), default=0)


def trials(project: Project) -> list[Trial]:
    """What Ray Tune has saved of the study that is under way."""
    return _trials(project, _params(project))


def _params(project: Project) -> Params:
    return load_params(project.folder / "params.yaml")


def _trials(project: Project, params: Params) -> list[Trial]:
    search = next(project.folder.glob(".runs/tune-*/search"), Path("none"))
    folders = sorted(path.parent for path in search.glob("trial_*/params.json"))
    try:
        return [read_trial(open_folder(str(folder)), params) for folder in folders]
    except json.JSONDecodeError:  # Ray Tune is copying the file at this moment
        return []


def mlflow_run(project: Project) -> tuple[str, dict[str, list[tuple[int, float]]], int]:
    """Status, points by metric and number of image files of the one run there is."""
    status, points, num_images = json.loads(project.run("python", "-c", _LIST_RUNS).stdout)
    for name, found in points.items():
        steps = [step for step, _ in found]
        assert sorted(steps) == sorted(set(steps)), name  # each exactly once
    return status, points, num_images


def assert_trained_alike(project: Project, undisturbed: Project) -> None:
    """Equality of models, histories and pictures, bit for bit; MLflow has what the files have."""
    for name in ("generator.safetensors", "discriminator.safetensors", "model.json"):
        one, two = (folder / "models" / name for folder in (project.folder, undisturbed.folder))
        assert one.read_bytes() == two.read_bytes(), name
    assert _history(project) == _history(undisturbed)
    grids = [*(undisturbed.folder / "reports" / "samples").iterdir()]
    for grid in grids:
        copy = project.folder / "reports" / "samples" / grid.name
        assert copy.read_bytes() == grid.read_bytes(), grid.name
    _assert_in_mlflow(project, num_grids=len(grids))
    assert list(project.folder.glob(".runs/*")) == []


def _assert_in_mlflow(project: Project, *, num_grids: int) -> None:
    """The run holds the history's points, apart from their clock, and both files of each grid."""
    status, points, num_images = mlflow_run(project)
    assert (status, num_images) == ("FINISHED", 2 * num_grids)
    history = read_history(project.folder / "reports" / "history.jsonl")
    names = {name for record in history for name in record if "/" in name}
    assert points.keys() == names
    assert _without_clock(points) == _without_clock(
        {
            name: [[record["epoch"], record[name]] for record in history if name in record]
            for name in names
        }
    )


def _history(project: Project) -> list[dict[str, float]]:
    return [*map(steady, read_history(project.folder / "reports" / "history.jsonl"))]


def _without_clock(points: dict[str, Any]) -> dict[str, Any]:
    return {name: sorted(found) for name, found in points.items() if not name.startswith("perf/")}


def assert_searched_alike(project: Project, undisturbed: Project) -> None:
    """Equality of the trials and of what was found, bit for bit."""
    assert _found(project) == _found(undisturbed)
    best = "reports/tune/best_params.yaml"
    assert (project.folder / best).read_text() == (undisturbed.folder / best).read_text()
    assert list(project.folder.glob(".runs/*")) == []


def study_of(project: Project) -> list[dict[str, Any]]:
    """The trials in the report of a study that has ended."""
    study = json.loads((project.folder / "reports" / "tune" / "study.json").read_text())
    trials: list[dict[str, Any]] = study["trials"]
    return trials


def _found(project: Project) -> list[dict[str, Any]]:
    """The trials, without what the clock says."""
    trials = study_of(project)
    clock = ("perf/", "time_s")
    for trial in trials:
        del trial["started_s"]
        trial["history"] = [
            {key: value for key, value in record.items() if not key.startswith(clock)}
            for record in trial["history"]
        ]
    return trials
