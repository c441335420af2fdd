from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Run

from pipelines.mlflow_run import MlflowRun, open_run
from tests.pipelines.tracked_project import metric_points, new_database


class _OtherIsFaster(MlflowClient):
    """Another process makes the same run after this one has looked for it."""

    def create_run(self, experiment_id: str, **run: Any) -> Run:
        super().create_run(experiment_id, **run)
        return super().create_run(experiment_id, **run)


def opened(client: MlflowClient) -> MlflowRun:
    return open_run(client, "x", run_key="abc", name="x", started_s=1.0, tags={})


def test_a_run_that_is_made_twice_at_the_same_time_is_one_run(tmp_path: Path) -> None:
    uri = new_database(tmp_path)
    run_id = opened(_OtherIsFaster(uri)).run_id
    client = MlflowClient(uri)
    [run] = client.search_runs([client.get_experiment_by_name("x").experiment_id])
    assert run.info.run_id == run_id
    assert opened(client).run_id == run_id


def test_points_are_told_apart_by_metric_and_epoch_alone(tmp_path: Path) -> None:
    uri = new_database(tmp_path)
    run = opened(MlflowClient(uri))
    first = {"epoch": 1, "step": 5, "time_s": 10.0, "dev/l1": 0.5, "perf/epoch_s": float("nan")}
    run.log_records([first, first | {"time_s": 20.0, "dev/l1": 0.25}])
    run.log_records([first | {"time_s": 30.0, "perf/epoch_s": 3.0}, first | {"epoch": 2}])
    points = metric_points(uri, run.run_id)
    assert points["dev/l1"] == [(1, 0.5, 10_000), (2, 0.5, 10_000)]
    assert [(epoch, time_ms) for epoch, _, time_ms in points["perf/epoch_s"]] == [
        (1, 10_000),
        (2, 10_000),
    ]
