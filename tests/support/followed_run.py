"""A training that MLflow follows, and what its run holds."""

from collections.abc import Callable

from mlflow import MlflowClient
from mlflow.entities import Run

from pipelines.tracking.live_run import LiveRun
from tests.support.tracked_project import (
    HISTORY,
    metric_points,
)

Live = Callable[..., LiveRun]

TIMED = [line | {"perf/epoch_s": 3.0 + line["epoch"]} for line in HISTORY]


def the_run(uri: str) -> Run:
    """The only run."""
    client = MlflowClient(uri)
    [run] = client.search_runs([client.get_experiment_by_name("pix2pix").experiment_id])
    return run


def points(uri: str) -> dict[str, list[tuple[int, float, int]]]:
    return metric_points(uri, the_run(uri).info.run_id)


def recorded(uri: str, num_epochs: int) -> Callable[[], bool]:
    def is_recorded() -> bool:
        client = MlflowClient(uri)
        found = client.get_experiment_by_name("pix2pix")
        runs = client.search_runs([found.experiment_id]) if found else []
        held = [client.get_metric_history(run.info.run_id, "dev/l1") for run in runs]
        return [len(history) for history in held] == [num_epochs]

    return is_recorded
