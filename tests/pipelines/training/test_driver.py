"""Training on a real local Ray."""

import dataclasses

import numpy as np
import pytest
import ray
import torch

from pipelines.cluster.placement import Placement, choose_placement, connect, find_placement
from pipelines.training.batches import sample_indices
from pix2pix.config import Params
from pix2pix.data.prepared import PreparedSplit
from tests.support.shared_ray import Undisturbed
from tests.support.small_training import steady

# Float32 sums in another order over three epochs of Adam.
BOUND = 1e-4


@pytest.mark.ray
def test_two_workers_compute_the_same_as_one(alone: Undisturbed, together: Undisturbed) -> None:
    one, two = alone.trained, together.trained
    for by_one, by_two in zip(one.history, two.history, strict=True):
        assert steady(by_two) == pytest.approx(steady(by_one), abs=BOUND)
    for key, value in one.best.generator.items():
        torch.testing.assert_close(two.best.generator[key], value, atol=BOUND, rtol=0)
    assert sorted(one.samples) == [0, 3]
    assert one.best.epoch == min(one.history[1:], key=lambda r: r["dev/l1"])["epoch"]


@pytest.mark.ray
def test_more_workers_than_the_cluster_holds_are_refused_at_once(
    cluster: None, training: Params
) -> None:
    config = dataclasses.replace(training.train, num_workers=4, batch_size=4, cpus_per_worker=1)
    with pytest.raises(
        ValueError, match=r"num_workers: 4 with 1 CPU each does not fit .* \(2 CPUs"
    ):
        find_placement(config)


@pytest.mark.ray
def test_missing_gpus_are_refused_and_auto_uses_cpus(cluster: None, training: Params) -> None:
    with pytest.raises(ValueError, match=r"1 CPU and a GPU each does not fit .* 0 GPUs"):
        find_placement(dataclasses.replace(training.train, device="gpu"))
    assert find_placement(dataclasses.replace(training.train, device="auto")) == Placement(
        1, 1, 2, False
    )
    halved = dataclasses.replace(training.train, device="cpu", num_workers=2)
    assert find_placement(halved) == Placement(2, 2, 1, False)


@pytest.mark.parametrize(
    ("nodes", "change", "expected"),
    [
        ([{"CPU": 8}], {}, Placement(4, 4, 2, False)),
        ([{"CPU": 8, "GPU": 4}], {}, Placement(4, 4, 2, True)),
        # GPUs and CPUs on different nodes cannot be used by one worker.
        ([{"CPU": 2, "GPU": 4}, {"CPU": 64}], {"cpus_per_worker": 4}, Placement(4, 4, 4, False)),
        ([{"CPU": 8, "GPU": 4}, {"CPU": 64}], {"device": "gpu"}, Placement(4, 4, 2, True)),
        ([{"CPU": 0}, {"CPU": 16}, {"CPU": 16}], {}, Placement(4, 4, 8, False)),
        ([{"CPU": 8, "GPU": 2}], {}, Placement(4, 4, 2, False)),
    ],
)
def test_workers_are_placed_where_they_fit(
    training: Params,
    nodes: list[dict[str, float]],
    change: dict[str, object],
    expected: Placement,
) -> None:
    config = dataclasses.replace(training.train, num_workers=4, batch_size=4, **change)
    assert choose_placement(config, nodes) == expected


@pytest.mark.parametrize("nodes", [[], [{"CPU": 3}], [{"CPU": 1}, {"GPU": 8}]])
def test_workers_that_fit_nowhere_are_refused(
    training: Params, nodes: list[dict[str, float]]
) -> None:
    config = dataclasses.replace(training.train, num_workers=4, batch_size=4)
    with pytest.raises(ValueError, match=f"does not fit on the {len(nodes)} node"):
        choose_placement(config, nodes)


@pytest.mark.ray
def test_a_second_connect_changes_nothing(cluster: None) -> None:
    connect(None)
    assert ray.cluster_resources()["CPU"] == 2


@pytest.mark.parametrize(
    ("num_samples", "expected"), [(1, [0]), (3, [0, 4, 9]), (20, [*range(10)])]
)
def test_sample_pairs_are_spread_over_the_dev_split(num_samples: int, expected: list[int]) -> None:
    images = np.zeros((10, 1, 1, 1), np.uint8)
    dev = PreparedSplit(images, images, tuple(map(str, range(10))))
    assert sample_indices(dev, num_samples) == expected
