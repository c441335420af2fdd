"""Three raylets: a node dies and another comes; a node is told that it will be taken away."""

import dataclasses
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import ray
from ray.cluster_utils import Cluster

from pipelines.runs.checkpoints import checkpoints
from pipelines.runs.dataset import DatasetSource
from pipelines.training.driver import Trained
from pix2pix.config import Params
from tests.support.faults import recording_worker, use_worker
from tests.support.small_training import (
    checkpoints_of,
    run,
    small_dataset,
    small_training,
    steady,
)

pytestmark = [pytest.mark.soak, pytest.mark.ray, pytest.mark.timeout(3600)]

BOUND = 1e-4  # float32 sums in another order over ten epochs of Adam
STEP_S = 0.4
SLOW_STEP_S = 2.0  # the training must not be over before a busy machine has started a node


@pytest.fixture
def three_nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A head and two more nodes, of one CPU each."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.5")
    monkeypatch.setenv("RAY_health_check_period_ms", "1000")
    monkeypatch.setenv("RAY_health_check_failure_threshold", "5")
    started = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    for _ in range(2):
        started.add_node(num_cpus=1)
    ray.init(address=started.address, log_to_driver=False)
    yield started
    ray.shutdown()
    started.shutdown()


@pytest.fixture(scope="module")
def params(small_params: Params) -> Params:
    # Five pairs a step: two and three workers share them unevenly.
    return small_training(
        small_params,
        num_epochs=9,
        num_decay_epochs=1,
        batch_size=5,
        num_workers=(1, 3),
        checkpoint_every_steps=1,
        max_failures=5,
        resize_interval_s=2.0,
    )


@pytest.fixture(scope="module")
def dataset(params: Params, tmp_path_factory: pytest.TempPathFactory) -> DatasetSource:
    synthetic = dataclasses.replace(params.data.synthetic, num_train=24)
    drawn = dataclasses.replace(params, data=dataclasses.replace(params.data, synthetic=synthetic))
    return small_dataset(drawn, tmp_path_factory.mktemp("data"))


class Training:
    """A training in a thread, so that things can be done to the cluster meanwhile."""

    def __init__(self, train: Callable[[], Trained]) -> None:
        self.trained: Trained | None = None
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(train,))
        self._thread.start()

    def _run(self, train: Callable[[], Trained]) -> None:
        try:
            self.trained = train()
        except BaseException as error:  # noqa: BLE001 - `result` raises it
            self.error = error

    def wait_for(self, condition: Callable[[], bool]) -> None:
        started_s = time.monotonic()
        while not condition():
            assert self._thread.is_alive(), self.error
            assert time.monotonic() - started_s < 600
            time.sleep(0.1)

    def result(self) -> Trained:
        self._thread.join(600)
        if self.error is not None:
            raise self.error
        assert self.trained is not None
        return self.trained


def _sizes(seen: Path) -> list[int]:
    return [int(line) for line in seen.read_text().split()] if seen.exists() else []


def _newest_step(params: Params, dataset: DatasetSource, storage: Path) -> int:
    found = checkpoints(checkpoints_of(params, dataset, storage))
    return found[0].step if found else 0


def test_workers_shrink_when_a_node_dies_and_grow_when_another_comes(
    three_nodes: Cluster,
    params: Params,
    dataset: DatasetSource,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen, grown = tmp_path / "sizes", tmp_path / "grown"
    with monkeypatch.context() as patch:
        use_worker(patch, recording_worker(seen, step_s=SLOW_STEP_S, until=grown))
        training = Training(lambda: run(params, dataset, tmp_path / "storage", workers=(1, 3)))
        training.wait_for(lambda: _newest_step(params, dataset, tmp_path / "storage") >= 4)
        assert _sizes(seen)[-1] == 3
        three_nodes.remove_node(three_nodes.worker_nodes.copy().pop(), allow_graceful=False)
        training.wait_for(lambda: _sizes(seen)[-1] == 2)
        shrunk_at = _newest_step(params, dataset, tmp_path / "storage")
        training.wait_for(
            lambda: _newest_step(params, dataset, tmp_path / "storage") >= shrunk_at + 2
        )
        three_nodes.add_node(num_cpus=1)
        training.wait_for(lambda: _sizes(seen)[-1] == 3)
        grown.touch()
        disturbed = training.result()
    alone = run(params, dataset, tmp_path / "alone", workers=(1, 1))
    for one, other in zip(alone.history, disturbed.history, strict=True):
        assert steady(other) == pytest.approx(steady(one), abs=BOUND)
    for key, value in alone.best.generator.items():
        assert (disturbed.best.generator[key] - value).abs().max() < BOUND, key


def test_a_node_that_will_be_taken_away_is_a_reason_to_save(
    three_nodes: Cluster,
    params: Params,
    dataset: DatasetSource,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before the last epoch there are no checkpoints here, but for that reason."""
    seen = tmp_path / "sizes"
    rare = dataclasses.replace(
        params,
        train=dataclasses.replace(
            params.train, checkpoint_every_steps=None, checkpoint_every_epochs=10
        ),
    )
    monkeypatch.setenv("RAY_TRAIN_PREEMPTION_POLL_INTERVAL_S", "0.5")
    use_worker(monkeypatch, recording_worker(seen, step_s=STEP_S))
    training = Training(lambda: run(rare, dataset, tmp_path / "storage", workers=(3, 3)))
    training.wait_for(lambda: _sizes(seen) == [3])
    time.sleep(6 * STEP_S)
    assert _newest_step(rare, dataset, tmp_path / "storage") == 0
    going = three_nodes.worker_nodes.copy().pop()
    _drain(three_nodes, going.node_id)
    training.wait_for(lambda: _newest_step(rare, dataset, tmp_path / "storage") > 0)
    name = checkpoints(checkpoints_of(rare, dataset, tmp_path / "storage"))[0]
    assert (name.epoch or 0) < params.train.total_epochs
    three_nodes.add_node(num_cpus=1)
    three_nodes.remove_node(going, allow_graceful=False)
    training.result()
    assert len(_sizes(seen)) >= 2


def _drain(cluster: Cluster, node_id: str) -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "ray.scripts.scripts", "drain-node"),
            *("--address", cluster.address, "--node-id", node_id),
            *("--reason", "DRAIN_NODE_REASON_PREEMPTION", "--reason-message", "spot"),
            *("--deadline-remaining-seconds", "30"),
        ],
        check=True,
        env=os.environ.copy(),
        capture_output=True,
    )
