"""What the tests under Ray share: one Ray a session, one data set, and undisturbed results.

Starting Ray, and each group of workers in it, costs many seconds of imports. So there is one Ray
for all tests, and what nothing happened to is computed once for the many that compare with it.
`tests/conftest.py` runs these tests one after the other and ends Ray after the last. What is slow
to import is imported in the fixtures, because most tests do without.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pix2pix.config import Params

if TYPE_CHECKING:
    from pipelines.runs.dataset import DatasetSource
    from pipelines.runs.folder import Folder
    from pipelines.training.driver import Trained
    from tests.support.troubled_store import TroubledStore

TWO = (2, 2)  # workers


@pytest.fixture(scope="session")
def store() -> Iterator[TroubledStore]:
    """An object store that the shared Ray's processes know."""
    from tests.support.troubled_store import troubled_store

    with troubled_store() as store:
        yield store


@pytest.fixture(scope="session")
def cluster(store: TroubledStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A local Ray of two CPUs that soon sees lost workers."""
    from tests.support.local_ray import local_ray

    # Nobody takes this machine away; tests/soak/test_node_loss.py has a Ray that watches for it.
    quick = {
        "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",
        "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
        "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache")),  # where nodes keep data sets
    }
    with local_ray(num_cpus=2, variables=quick | store.server.environment):
        yield


@pytest.fixture(scope="session")
def training(small_params: Params) -> Params:
    """The parameters of a training of seconds: three epochs of four steps."""
    from tests.support.small_training import small_training

    return small_training(small_params)


@pytest.fixture(scope="session")
def pairs(training: Params, tmp_path_factory: pytest.TempPathFactory) -> DatasetSource:
    """Its data."""
    from tests.support.small_training import small_dataset

    return small_dataset(training, tmp_path_factory.mktemp("pairs"))


@dataclass(frozen=True)
class Undisturbed:
    """A training that nothing happened to: what it gave, its folder, and its last checkpoint."""

    trained: Trained
    folder: Folder
    state: dict[str, Any]


@pytest.fixture(scope="session")
def alone(
    cluster: None, training: Params, pairs: DatasetSource, tmp_path_factory: pytest.TempPathFactory
) -> Undisturbed:
    """By one worker."""
    return _undisturbed(training, pairs, tmp_path_factory.mktemp("alone"), workers=(1, 1))


@pytest.fixture(scope="session")
def together(
    cluster: None, training: Params, pairs: DatasetSource, tmp_path_factory: pytest.TempPathFactory
) -> Undisturbed:
    """By two workers, the first of which is profiled: that changes no bit, as others show that
    compare with it (test_worker_faults.py) and are not profiled."""
    from tests.support.small_training import with_train

    profiled = with_train(training, profile=True)
    return _undisturbed(profiled, pairs, tmp_path_factory.mktemp("together"), workers=TWO)


def _undisturbed(
    params: Params, dataset: DatasetSource, storage: Path, *, workers: tuple[int, int]
) -> Undisturbed:
    from tests.support.small_training import begin, last_state, run

    trained = run(params, dataset, storage, workers=workers)
    folder = begin(params, dataset, storage).folder
    return Undisturbed(trained, folder, last_state(params, dataset, storage))
