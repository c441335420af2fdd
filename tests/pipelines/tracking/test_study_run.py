"""A study's runs in MLflow: once each, below the study's run, whatever is sent how often."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from pipelines.tracking import reconciler
from pipelines.tracking.description import RunDescription
from pipelines.tracking.live_study import LiveStudy
from pix2pix.config import Params
from pix2pix.tuning.trials import Exchange
from tests.support.followed_run import count_reads
from tests.support.mlflow_process import closed_port
from tests.support.small_study import small_study
from tests.support.tracked_project import USER, described, new_database, png
from tests.support.trials import make_trial
from tests.support.waiting import until

RUNNING = make_trial(
    0,
    {"epoch": 0, "time_s": 1001.0, "dev/l1": 0.5},
    values={"train.beta1": 0.5, "model.norm": "none"},
    status="running",
    started_s=1000.0,
)
TRIAL, OTHER = (f"search {number} beta1 0.5 norm none" for number in (0, 1))
FIRST = {"epoch": 1, "time_s": 1002.0, "dev/l1": 0.25}


def _runs(uri: str) -> dict[str, dict[str, Any]]:
    """All runs of the studies' experiment, by name."""
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("pix2pix-tune")
    if experiment is None:
        return {}
    return {
        run.info.run_name: {
            "id": run.info.run_id,
            "status": run.info.status,
            "tags": run.data.tags,
            "params": run.data.params,
            "metrics": run.data.metrics,
            "l1": sorted(
                (point.step, point.value)
                for point in client.get_metric_history(run.info.run_id, "dev/l1")
            ),
            "files": sorted(item.path for item in client.list_artifacts(run.info.run_id)),
        }
        for run in client.search_runs([experiment.experiment_id])
    }


@pytest.fixture
def description(small_params: Params) -> RunDescription:
    return described(small_study(small_params))


def test_trials_lie_below_the_study_and_are_logged_once(
    description: RunDescription, tmp_path: Path
) -> None:
    uri = new_database(tmp_path / "mlflow")
    stopped = dataclasses.replace(
        RUNNING, status="stopped", reason="ASHA: behind", history=(*RUNNING.history, FIRST)
    )
    report = tmp_path / "report.txt"
    report.write_text("found")
    for _ in range(2):  # a study that goes on sends all again
        live = LiveStudy(uri, description, grid=lambda _trial: png(1))
        live(RUNNING)
        live(stopped)
        assert live.end("FINISHED", {"tune/report.txt": report})
    runs = _runs(uri)
    (name,) = runs.keys() - {TRIAL}
    study, trial = runs[name], runs[TRIAL]
    assert name == f"search {description.name}"
    assert (study["status"], study["files"]) == (
        "FINISHED",
        ["environment", "files.json", "params.json", "tune"],
    )
    assert study["params"]["tune.sampler"] == "optuna"
    assert trial["tags"]["mlflow.parentRunId"] == study["id"]
    assert (study["tags"]["mlflow.user"], trial["tags"]["mlflow.user"]) == (USER, USER)
    assert trial["tags"]["pix2pix.stopped_because"] == "ASHA: behind"
    assert (trial["status"], trial["files"]) == ("KILLED", ["images"])
    assert trial["params"] == {"train.seed": "0", "train.beta1": "0.5", "model.norm": "none"}
    assert trial["l1"] == [(0, 0.5), (1, 0.25)]
    assert trial["metrics"]["tune/best_dev_l1"] == 0.25


def test_points_of_a_new_trial_are_read_only_at_its_end(
    description: RunDescription, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = new_database(tmp_path / "mlflow")
    read = count_reads(monkeypatch)
    live = LiveStudy(uri, description, grid=lambda _trial: None)
    history = tuple({"epoch": epoch, "time_s": 1001.0 + epoch, "dev/l1": 0.5} for epoch in range(3))
    for num_epochs in range(1, 4):
        live(dataclasses.replace(RUNNING, history=history[:num_epochs]))
        until(lambda num=num_epochs: len(_runs(uri).get(TRIAL, {}).get("l1", ())) == num)
    live(dataclasses.replace(RUNNING, history=history, status="finished"))
    assert live.end("FINISHED", {})
    assert read == ["dev/l1"]


def test_an_exchange_is_a_tag_as_parameters_never_change(
    description: RunDescription, tmp_path: Path
) -> None:
    uri = new_database(tmp_path / "mlflow")
    exchange = Exchange(epoch=1, parent=2, before=RUNNING.values)
    after = {"train.beta1": 0.6, "model.norm": "none"}
    live = LiveStudy(uri, description, grid=lambda _trial: None)
    live(RUNNING)
    live(dataclasses.replace(RUNNING, values=after, exchanges=(exchange,)))
    assert live.end("FINISHED", {})
    trial = _runs(uri)[TRIAL]
    assert trial["params"]["train.beta1"] == "0.5"
    assert trial["tags"]["pix2pix.exchanges"] == f"epoch 1, from trial 2: {after}"


def test_what_is_told_during_an_outage_arrives_as_soon_as_mlflow_answers(
    description: RunDescription,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reconciler, "_MIN_PAUSE_S", 0.05)
    uri = f"sqlite:///{tmp_path}/late/mlflow.db"
    live = LiveStudy(uri, description, grid=lambda _trial: None)
    live(RUNNING)
    until(lambda: caplog.records)
    live(dataclasses.replace(RUNNING, history=(*RUNNING.history, FIRST)))
    live(dataclasses.replace(RUNNING, number=1))
    new_database(tmp_path / "late")
    assert live.end("FINISHED", {})
    runs = _runs(uri)
    assert runs[TRIAL]["l1"] == [(0, 0.5), (1, 0.25)]
    assert runs[OTHER]["l1"] == [(0, 0.5)]


def test_runs_that_somebody_deleted_are_made_again(
    description: RunDescription, tmp_path: Path
) -> None:
    uri = new_database(tmp_path / "mlflow")
    live = LiveStudy(uri, description, grid=lambda _trial: None)
    live(RUNNING)
    until(lambda: TRIAL in _runs(uri))
    client = MlflowClient(uri)
    for run in _runs(uri).values():
        client.delete_run(run["id"])
    live(dataclasses.replace(RUNNING, number=1))
    assert live.end("FINISHED", {})
    assert {TRIAL, OTHER} < _runs(uri).keys()


def test_a_study_goes_on_without_mlflow(
    description: RunDescription, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.tracking.live_study._FINISHED_S", 0.5)
    live = LiveStudy(f"http://127.0.0.1:{closed_port()}", description, grid=lambda _trial: None)
    live(RUNNING)
    assert not live.end("FINISHED", {})
    assert "The study goes on. MLflow gets what it lacks when it answers again." in caplog.text
