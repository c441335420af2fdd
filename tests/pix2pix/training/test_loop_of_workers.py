"""The loop on two workers, of which one has a pair more. They are processes with gloo, without Ray.

`test_distributed` has their steps.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from pix2pix.config import Params
from pix2pix.training import DevSet, EpochResult, SavePoint, TrainState, fit
from pix2pix.training.distributed import unwrap
from pix2pix.valid_pixels import Pairs
from tests.support.drawn_batches import state_of as unwrapped_state_of
from tests.support.drawn_batches import steady
from tests.support.gloo import run_together
from tests.support.worker_training import state_of

BATCH_SIZE = 3
NUM_EPOCHS = 2


class _Batches:
    """A worker's share of two batches an epoch."""

    num_batches = 2

    def __init__(self, share: slice) -> None:
        self._share = share

    def __call__(self, epoch: int, start_step: int) -> Iterator[Pairs]:
        for index in range(start_step, self.num_batches):
            yield _pairs(10 * epoch + index, self._share)


def _pairs(seed: int, share: slice) -> Pairs:
    random = torch.Generator().manual_seed(seed)
    source = torch.rand(BATCH_SIZE, 3, 32, 32, generator=random) * 2 - 1
    return Pairs(source[share], -source.flip(1)[share])


def _params(params: Params, *, norm: str, dropout: float) -> Params:
    model = dataclasses.replace(
        params.model, norm=norm, dropout=dropout, depth=5, dropout_layout="torch"
    )
    train = dataclasses.replace(
        params.train,
        batch_size=BATCH_SIZE,
        num_epochs=NUM_EPOCHS,
        num_decay_epochs=0,
        checkpoint_every_steps=1,
    )
    return dataclasses.replace(params, model=model, train=train)


def _events(state: TrainState, params: Params, share: slice) -> Iterator[EpochResult | SavePoint]:
    dev = DevSet(batches=[_pairs(99, share)], samples=[])
    return fit(state, _Batches(share), params.train, dev=dev)


def _records(params: Params, share: slice, *, world_size: int) -> list[dict[str, float]]:
    state = state_of(params, world_size)
    for _ in _events(state, params, share):
        pass
    return [steady(record) for record in state.history]


def _buffers_at_the_end(params: Params, share: slice) -> dict[str, Tensor]:
    state = state_of(params, world_size=2)
    for _ in _events(state, params, share):
        pass
    return {
        f"{number}.{name}": buffer
        for number, network in enumerate((state.generator, state.discriminator))
        for name, buffer in unwrap(network).named_buffers()
    }


def _saved_and_loaded(params: Params, share: slice) -> tuple[dict[str, Any], Tensor]:
    """The state after the first step, and what another state has of it for each rank."""
    state, other = state_of(params, world_size=2), state_of(params, world_size=2)
    next(event for event in _events(state, params, share) if isinstance(event, SavePoint))
    saved = state.state_dict()
    other.load_state_dict(saved)
    return saved, other.state_dict()["ranks"]


def _weights_after_equal_pairs(params: Params) -> Tensor:
    """The generator of a worker that exchanges no gradients, from the pairs of all others."""
    state = unwrapped_state_of(params)
    for _ in _events(state, params, slice(None)):
        pass
    return torch.cat([each.detach().flatten() for each in state.generator.parameters()])


def _work(rank: int, world_size: int, params: Params) -> dict[str, Any]:
    share = slice(rank, None, world_size)
    plain, usual = (
        _params(params, norm="none", dropout=0.0),
        _params(params, norm="batch", dropout=0.5),
    )
    saved, loaded = _saved_and_loaded(usual, share)
    return {
        "records": _records(plain, share, world_size=world_size),
        "buffers": _buffers_at_the_end(usual, share),
        "saved": saved,
        "loaded": loaded,
        "with dropout": _weights_after_equal_pairs(_params(params, norm="none", dropout=0.5)),
        "without": _weights_after_equal_pairs(plain),
    }


@pytest.fixture(scope="module")
def workers(small_params: Params, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("workers")
    return run_together(_work, small_params, world_size=2, folder=folder)


@pytest.mark.slow
def test_losses_and_scores_of_each_epoch_are_those_of_one_worker(
    small_params: Params, workers: list[dict[str, Any]]
) -> None:
    expected = _records(_params(small_params, norm="none", dropout=0.0), slice(None), world_size=1)
    assert [record["epoch"] for record in expected] == [0, 1, 2]
    for worker in workers:
        for record, alone in zip(worker["records"], expected, strict=True):
            assert record == pytest.approx(alone, abs=1e-4)


@pytest.mark.slow
def test_all_workers_end_an_epoch_with_the_same_statistics(workers: list[dict[str, Any]]) -> None:
    first, second = (worker["buffers"] for worker in workers)
    assert {name[0] for name in first} == {"0", "1"}
    assert all(torch.equal(value, second[name]) for name, value in first.items())


@pytest.mark.slow
def test_within_an_epoch_each_worker_gets_its_own_losses_and_statistics_back(
    workers: list[dict[str, Any]],
) -> None:
    for worker in workers:
        own, other = worker["saved"]["ranks"]
        assert not torch.equal(own, other)
        assert torch.equal(worker["loaded"], worker["saved"]["ranks"])


@pytest.mark.slow
def test_another_number_of_workers_gets_the_mean_of_their_losses_and_statistics(
    small_params: Params, workers: list[dict[str, Any]]
) -> None:
    saved = workers[0]["saved"]
    state = state_of(_params(small_params, norm="batch", dropout=0.5), world_size=1)
    state.load_state_dict(saved)
    mean = saved["ranks"].mean(dim=0, keepdim=True)
    torch.testing.assert_close(state.state_dict()["ranks"], mean, rtol=1e-6, atol=1e-6)


@pytest.mark.slow
def test_each_worker_draws_dropout_of_its_own(workers: list[dict[str, Any]]) -> None:
    first, second = workers
    assert torch.equal(first["without"], second["without"])
    assert not torch.equal(first["with dropout"], second["with dropout"])
