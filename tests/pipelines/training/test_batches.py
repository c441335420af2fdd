"""What each of several workers reads of the prepared data."""

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from pipelines.training import batches as module
from pipelines.training.batches import dev_set, train_batches
from pix2pix.config import Params
from pix2pix.data.ranges import to_network
from pix2pix.data.sampling import epoch_order
from tests.support.random_pairs import CPU, SOURCE, TARGET, make_pairs
from tests.support.small_training import with_train
from tests.support.tracked_project import small_manifest

SEED = 3


@pytest.fixture
def params(small_params: Params) -> Params:
    return with_train(small_params, seed=SEED, batch_size=4)


def shares(patch: pytest.MonkeyPatch, world_size: int) -> Iterator[int]:
    """Each rank of a group of workers, while this process is that rank."""
    patch.setattr(module, "world_size", lambda: world_size)
    for rank in range(world_size):
        patch.setattr(module, "rank", lambda rank=rank: rank)
        yield rank


def trained_pairs(params: Params) -> list[tuple[str, ...]]:
    """The ids of each batch of the first epoch."""
    manifest = dataclasses.replace(small_manifest(params), source=SOURCE, target=TARGET)
    with train_batches(make_pairs(), params, manifest, device=CPU) as batches:
        return [batch.pair_ids for batch in batches(0)]


@pytest.mark.parametrize("world_size", [1, 2, 4])
def test_the_batches_of_all_workers_are_those_of_the_seed(
    params: Params, monkeypatch: pytest.MonkeyPatch, world_size: int
) -> None:
    order = [f"pair-{position}" for position in epoch_order(SEED, 0, 14)]
    for rank in shares(monkeypatch, world_size):
        expected = [tuple(order[first : first + 4][rank::world_size]) for first in (0, 4, 8)]
        assert trained_pairs(params) == expected


def test_an_epoch_has_as_many_crops_of_each_pair_as_the_parameters_say(params: Params) -> None:
    data = dataclasses.replace(params.data, crops_per_pair=2)
    batches = trained_pairs(dataclasses.replace(params, data=data))
    pairs = [pair for batch in batches for pair in batch]
    assert sorted(pairs) == sorted(make_pairs().pair_ids * 2)


@pytest.mark.parametrize("world_size", [1, 3])
def test_the_dev_pairs_are_shared_and_the_samples_are_on_each_worker(
    params: Params, monkeypatch: pytest.MonkeyPatch, world_size: int
) -> None:
    pairs = make_pairs(num_pairs=10)
    manifest = dataclasses.replace(small_manifest(params), source=SOURCE, target=TARGET)
    sources = to_network(torch.from_numpy(np.asarray(pairs.source)), SOURCE.value_range)
    for rank in shares(monkeypatch, world_size):
        dev = dev_set(pairs, manifest, samples=[1, 9], device=CPU)
        ids = [pair for batch in dev.batches for pair in batch.pair_ids]
        assert ids == list(pairs.pair_ids[rank::world_size])
        scored = torch.cat([batch.source for batch in dev.batches])
        assert torch.equal(scored, sources[rank::world_size])
        assert torch.equal(torch.cat(list(dev.samples)), sources[[1, 9]])
