"""A training that MLflow follows, and what its run holds."""

import threading
from collections.abc import Callable

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric, Run

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


def count_reads(patch: pytest.MonkeyPatch) -> list[str]:
    """The metrics whose points the thread that follows reads from now on, one after the other."""
    real, read = MlflowClient.get_metric_history, list[str]()

    def counted(client: MlflowClient, run_id: str, key: str) -> list[Metric]:
        if threading.current_thread().name == "mlflow":  # not those of the test itself
            read.append(key)
        return real(client, run_id, key)

    patch.setattr(MlflowClient, "get_metric_history", counted)
    return read


def recorded(uri: str, num_epochs: int) -> Callable[[], bool]:
    def is_recorded() -> bool:
        client = MlflowClient(uri)
        found = client.get_experiment_by_name("pix2pix")
        runs = client.search_runs([found.experiment_id]) if found else []
        held = [client.get_metric_history(run.info.run_id, "dev/l1") for run in runs]
        return [len(history) for history in held] == [num_epochs]

    return is_recorded
