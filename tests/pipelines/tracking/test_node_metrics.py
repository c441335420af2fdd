"""The metrics of a machine in a training's run, by MLflow's own monitor."""

from pathlib import Path

import pytest
from mlflow import MlflowClient

from pipelines.tracking import node_metrics as module
from pipelines.tracking.live_run import LiveRun
from pipelines.tracking.node_metrics import NodeMetrics, node_metrics
from pix2pix.config import Params
from tests.support.mlflow_process import closed_port
from tests.support.tracked_project import HISTORY, described, new_database, write_samples
from tests.support.waiting import until


def _metrics(uri: str) -> dict[str, float]:
    client = MlflowClient(uri)
    found = client.get_experiment_by_name("pix2pix")
    runs = client.search_runs([found.experiment_id]) if found else []
    return {key: value for run in runs for key, value in run.data.metrics.items()}


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_each_node_logs_its_metrics_from_when_the_run_is_there(
    tmp_path: Path, default_params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOOK_EVERY_S", 0.1)
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.2")
    uri = new_database(tmp_path / "mlflow")
    description = described(default_params)
    metrics = NodeMetrics(uri, description)
    names = {"system/cpu_utilization_percentage", "system/node_1/system_memory_usage_megabytes"}
    with metrics.logged(None), metrics.logged("node_1"):
        run = LiveRun(uri, description, samples=write_samples(tmp_path / "samples"))
        with run:
            run.update(HISTORY)
            until(lambda: names <= _metrics(uri).keys())
    assert {"dev/l1"} < _metrics(uri).keys()


@pytest.mark.timeout(60)
def test_without_mlflow_the_thread_goes_on_looking(
    default_params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOOK_EVERY_S", 0.05)
    found: list[object] = []
    look = NodeMetrics._monitor
    monkeypatch.setattr(
        NodeMetrics, "_monitor", lambda self, node: found.append(look(self, node)) or found[-1]
    )
    uri = f"http://127.0.0.1:{closed_port()}"
    with NodeMetrics(uri, described(default_params)).logged(None):
        until(lambda: len(found) > 1)  # had it raised, there would be no second look
    assert set(found) == {None}


@pytest.mark.parametrize(("value", "is_on"), [(None, True), ("true", True), ("false", False)])
def test_mlflows_own_variable_switches_them_off(
    value: str | None, is_on: bool, default_params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", raising=False)
    if value is not None:
        monkeypatch.setenv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", value)
    assert (node_metrics("sqlite://", described(default_params)) is not None) == is_on
