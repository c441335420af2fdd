"""The whole pipeline by `dvc repro`, with real DVC, Ray and MLflow, on the smoke parameters."""

import csv
import json
import subprocess
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient

from pipelines.finished_run import read_history
from tests.pipelines.conftest import Project, copy_project

pytestmark = pytest.mark.pipeline

STAGES = ("ingest", "prepare", "train", "evaluate", "register")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project after its first `dvc repro`."""
    project = copy_project(tmp_path_factory.mktemp("finished"))
    project.set_params("smoke")
    project.run("dvc", "repro")
    return project


def _json(project: Project, name: str) -> dict[str, object]:
    loaded: dict[str, object] = json.loads((project.folder / "reports" / name).read_text())
    return loaded


def _client(project: Project) -> MlflowClient:
    return MlflowClient(f"sqlite:///{project.folder}/mlflow.db")


# In a process of its own: MLflow keeps connections to a database file that a test may remove.
LIST_POINTS = """
import json, sys
from mlflow import MlflowClient
client, run_id = MlflowClient("sqlite:///mlflow.db"), sys.argv[1]
points = [
    (name, point.value, point.step, point.timestamp)
    for name in client.get_run(run_id).data.metrics
    for point in client.get_metric_history(run_id, name)
]
print(json.dumps(points))
"""


def _points(project: Project) -> set[tuple[str, float, int, int]]:
    """All metric points of the registered run."""
    run_id = str(_json(project, "registration.json")["run_id"])
    listed = json.loads(project.run("python", "-c", LIST_POINTS, run_id).stdout)
    points = {(name, value, step, timestamp) for name, value, step, timestamp in listed}
    assert len(points) == len(listed)  # each exactly once
    return points


def test_it_ends_with_a_registered_model_and_its_scores(finished: Project) -> None:
    registration = _json(finished, "registration.json")
    assert (registration["model"], registration["version"]) == ("pix2pix-smoke-drawn", "1")
    version = _client(finished).get_model_version("pix2pix-smoke-drawn", "1")
    assert version.run_id == registration["run_id"]
    test = _json(finished, "metrics.json")["test"]
    assert isinstance(test, dict)
    assert test["num_images"] == 8
    assert test["l1_low"] <= test["l1"] <= test["l1_high"]
    assert {"psnr_db", "ssim", "frechet_efficientnet_lite0"} <= set(test)


def test_per_image_scores_average_to_the_reported_one(finished: Project) -> None:
    with (finished.folder / "reports" / "per_image.csv").open() as file:
        rows = list(csv.DictReader(file))
    test = _json(finished, "metrics.json")["test"]
    assert isinstance(test, dict)
    mean = sum(float(row["l1"]) for row in rows) / len(rows)
    assert mean == pytest.approx(test["l1"], rel=1e-5)


def test_the_history_starts_untrained_and_is_in_mlflow_point_by_point(finished: Project) -> None:
    history = read_history(finished.folder / "reports" / "history.jsonl")
    assert [record["epoch"] for record in history] == [0, 1, 2]
    assert "train/loss_g" not in history[0]
    expected = {
        (name, value, int(record["epoch"]))
        for record in history
        for name, value in record.items()
        if "/" in name
    }
    logged = {point[:3] for point in _points(finished) if not point[0].startswith("test/")}
    assert logged == expected


def test_the_summary_names_model_pictures_and_ui(finished: Project) -> None:
    said = finished.run("python", "-m", "pipelines.summary").stdout
    assert "pix2pix-smoke-drawn version 1" in said
    assert "reports/samples/epoch_0002.png" in said
    assert "make ui" in said
    assert "L1 (low)" in said


def test_a_second_run_changes_nothing(finished: Project) -> None:
    before = _points(finished)
    said = finished.run("dvc", "repro").stdout
    for stage in STAGES[:-1]:
        assert f"Stage '{stage}' didn't change, skipping" in said
    assert _json(finished, "registration.json")["version"] == "1"
    assert _points(finished) == before


def test_dvc_shows_metrics_and_plots(finished: Project) -> None:
    shown = json.loads(finished.run("dvc", "metrics", "show", "--json").stdout)
    assert shown[""]["data"]["reports/metrics.json"]["data"]["test"]["num_images"] == 8
    finished.run("dvc", "plots", "show")
    page = (finished.folder / "dvc_plots" / "index.html").read_text()
    assert "dev/l1_deterministic" in page
    assert "train/loss_d" in page
    assert "epoch_0002" in page


def test_an_empty_mlflow_is_given_the_run_again_with_its_full_history(finished: Project) -> None:
    before = _points(finished)
    (finished.folder / "mlflow.db").unlink()
    finished.run("rm", "-rf", "mlartifacts", "mlruns")
    said = finished.run("dvc", "repro").stdout
    assert "Stage 'train' didn't change, skipping" in said
    assert _points(finished) == before


def test_editing_the_evaluation_evaluates_and_does_not_train(finished: Project) -> None:
    path = finished.folder / "pix2pix" / "evaluation" / "quality.py"
    path.write_text(path.read_text() + "\n# edited\n")
    status = json.loads(finished.run("dvc", "status", "--json").stdout)
    assert set(status) == {"evaluate", "register"}
    finished.run("git", "checkout", "-q", "pix2pix")


def test_editing_a_network_trains_anew(finished: Project) -> None:
    path = finished.folder / "pix2pix" / "models" / "layers.py"
    path.write_text(path.read_text() + "\n# edited\n")
    status = json.loads(finished.run("dvc", "status", "--json").stdout)
    assert set(status) == {"train", "tune", "evaluate", "register"}
    finished.run("git", "checkout", "-q", "pix2pix")


def _wait_for(condition: object, running: subprocess.Popen[bytes], limit_s: float = 240) -> None:
    assert callable(condition)
    started_s = time.monotonic()
    while not condition():
        assert running.poll() is None, running.stdout.read() if running.stdout else ""
        assert time.monotonic() - started_s < limit_s
        time.sleep(0.1)


def test_of_two_runs_at_once_one_says_that_the_other_is_running(project: Project) -> None:
    project.set_params("smoke")
    first = subprocess.Popen(
        ["dvc", "repro", "prepare"],
        cwd=project.folder,
        env=project.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    lock = project.folder / ".dvc" / "tmp" / "rwlock"
    _wait_for(lambda: lock.is_file() and "write" in lock.read_text(), first)
    second = project.run("dvc", "repro", "prepare", check=False)
    first.communicate()
    assert first.returncode == 0
    assert second.returncode != 0
    assert "lock" in second.stderr or "busy" in second.stderr
    assert (project.folder / "data" / "prepared" / "manifest.json").is_file()
    assert Path(project.folder, "dvc.lock").is_file()
