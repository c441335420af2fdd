"""Training on a real local Ray."""

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import ray
import ray.train
import torch

from pipelines.ray_cluster import Placement, choose_placement, connect, place
from pipelines.ray_train import RunPlace, Trained, dev_samples, train
from pix2pix.config import Params
from pix2pix.data.prepared import PreparedSplit, prepare_pairs
from pix2pix.data.sources.synthetic import write_synthetic

pytestmark = pytest.mark.ray

# Float32 sums in another order over three epochs of Adam.
BOUND = 1e-4


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Two CPUs, whatever the machine has."""
    os.environ.pop("RAY_ADDRESS", None)
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def params(small_params: Params) -> Params:
    """Norm-free, so that workers need not agree on statistics."""
    replace = dataclasses.replace
    synthetic = replace(small_params.data.synthetic, num_train=10, num_test=2, size_px=64)
    return replace(
        small_params,
        data=replace(small_params.data, synthetic=synthetic),
        model=replace(small_params.model, norm="none", dropout=0.0),
    )


@pytest.fixture(scope="module")
def prepared_dir(params: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_synthetic(folder / "raw", params.data.synthetic)
    prepare_pairs(folder / "raw", folder / "prepared", params.data, num_workers=1)
    return folder / "prepared"


def _train(params: Params, prepared_dir: Path, storage: Path, num_workers: int) -> Trained:
    run = RunPlace(name="run", storage_path=str(storage), live_run=None)
    return train(params, prepared_dir, place=Placement(num_workers, 1, use_gpu=False), run=run)


def _steady(record: dict[str, float]) -> dict[str, float]:
    return {k: v for k, v in record.items() if not k.startswith("perf/") and k != "time_s"}


def test_two_workers_train_what_one_trains(
    cluster: None, params: Params, prepared_dir: Path, tmp_path: Path
) -> None:
    one = _train(params, prepared_dir, tmp_path / "one", 1)
    two = _train(params, prepared_dir, tmp_path / "two", 2)
    for alone, together in zip(one.history, two.history, strict=True):
        assert _steady(together) == pytest.approx(_steady(alone), abs=BOUND)
    for key, value in one.best["generator"].items():
        torch.testing.assert_close(two.best["generator"][key], value, atol=BOUND, rtol=0)
    assert sorted(one.samples) == [0, 3]
    assert one.best["epoch"] == min(one.history[1:], key=lambda r: r["dev/l1"])["epoch"]


def test_a_non_finite_loss_ends_the_training_and_names_the_terms(
    cluster: None, params: Params, prepared_dir: Path, tmp_path: Path
) -> None:
    wild = dataclasses.replace(params, train=dataclasses.replace(params.train, lambda_l1=1e300))
    with pytest.raises(ray.train.WorkerGroupError) as caught:
        _train(wild, prepared_dir, tmp_path, 1)
    (cause,) = caught.value.worker_failures.values()
    assert "non-finite loss in step 0" in str(cause)
    assert "weighted_sum inf" in str(cause)


def test_more_workers_than_the_cluster_holds_are_refused_at_once(
    cluster: None, params: Params
) -> None:
    config = dataclasses.replace(params.train, num_workers=4, batch_size=4, cpus_per_worker=1)
    with pytest.raises(
        ValueError, match=r"num_workers: 4 with 1 CPUs each does not fit .* \(2 CPUs"
    ):
        place(config)


def test_gpus_that_are_not_there_are_refused_and_auto_does_without(
    cluster: None, params: Params
) -> None:
    with pytest.raises(ValueError, match=r"1 CPUs and a GPU each does not fit .* 0 GPUs"):
        place(dataclasses.replace(params.train, device="gpu"))
    assert place(dataclasses.replace(params.train, device="auto")) == Placement(1, 2, False)
    halved = dataclasses.replace(params.train, device="cpu", num_workers=2)
    assert place(halved) == Placement(2, 1, False)


@pytest.mark.parametrize(
    ("nodes", "change", "expected"),
    [
        ([{"CPU": 8}], {}, Placement(4, 2, False)),
        ([{"CPU": 8, "GPU": 4}], {}, Placement(4, 2, True)),
        # GPUs and CPUs on different nodes do not make a place for a worker.
        ([{"CPU": 2, "GPU": 4}, {"CPU": 64}], {"cpus_per_worker": 4}, Placement(4, 4, False)),
        ([{"CPU": 8, "GPU": 4}, {"CPU": 64}], {"device": "gpu"}, Placement(4, 2, True)),
        ([{"CPU": 0}, {"CPU": 16}, {"CPU": 16}], {}, Placement(4, 8, False)),
        ([{"CPU": 8, "GPU": 2}], {}, Placement(4, 2, False)),
    ],
)
def test_workers_are_placed_where_they_fit(
    params: Params,
    nodes: list[dict[str, float]],
    change: dict[str, object],
    expected: Placement,
) -> None:
    config = dataclasses.replace(params.train, num_workers=4, batch_size=4, **change)
    assert choose_placement(config, nodes) == expected


@pytest.mark.parametrize("nodes", [[], [{"CPU": 3}], [{"CPU": 1}, {"GPU": 8}]])
def test_workers_that_fit_nowhere_are_refused(
    params: Params, nodes: list[dict[str, float]]
) -> None:
    config = dataclasses.replace(params.train, num_workers=4, batch_size=4)
    with pytest.raises(ValueError, match=f"does not fit on the {len(nodes)} node"):
        choose_placement(config, nodes)


def test_connecting_twice_is_connecting_once(cluster: None) -> None:
    connect()
    assert ray.cluster_resources()["CPU"] == 2


@pytest.mark.parametrize(("num_samples", "shown"), [(1, [0]), (3, [0, 4, 9]), (20, [*range(10)])])
def test_sample_pairs_are_spread_over_the_dev_split(num_samples: int, shown: list[int]) -> None:
    images = np.zeros((10, 1, 1, 1), np.uint8)
    dev = PreparedSplit(images, images, tuple(map(str, range(10))))
    assert dev_samples(dev, num_samples) == shown
