"""A study over two nodes of a cluster, one of which dies while a trial runs on it."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
from ray.cluster_utils import Cluster

from pipelines.runs.dataset import DatasetSource
from pix2pix.config import Params
from tests.support.small_study import Listener, results, run, small_study
from tests.support.small_training import small_dataset

pytestmark = [pytest.mark.soak, pytest.mark.ray, pytest.mark.timeout(1800)]


@pytest.fixture
def two_nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A head and another node, of one CPU each."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_health_check_period_ms", "1000")
    monkeypatch.setenv("RAY_health_check_failure_threshold", "5")
    started = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    started.add_node(num_cpus=1)
    ray.init(address=started.address, log_to_driver=False)
    yield started
    ray.shutdown()
    started.shutdown()


def test_a_study_that_loses_a_node_ends_on_the_other_as_if_nothing_had_been(
    two_nodes: Cluster, small_params: Params, tmp_path: Path
) -> None:
    """Random search: what its trials give does not depend on their order."""
    params = small_study(
        small_params, sampler="random", num_trials=4, num_epochs=8, max_concurrent_trials=2
    )
    params = dataclasses.replace(params, train=dataclasses.replace(params.train, max_failures=2))
    dataset: DatasetSource = small_dataset(params, tmp_path / "data")
    begun: set[int] = set()

    def lose_a_node(number: int, epoch: int) -> None:
        begun.add(number)
        if two_nodes.worker_nodes and epoch >= 2 and len(begun) > 1:
            (node,) = two_nodes.worker_nodes
            two_nodes.remove_node(node, allow_graceful=False)

    lost = run(params, dataset, tmp_path / "lost", [Listener(lose_a_node)]).search
    assert not two_nodes.worker_nodes
    assert [trial.status for trial in lost] == ["finished"] * 4
    assert results(lost) == results(run(params, dataset, tmp_path / "alone").search)
