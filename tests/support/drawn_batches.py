"""The loop of the training over batches of noise."""

import itertools
from collections.abc import Iterator

import torch

from pix2pix.config import Params, TrainConfig
from pix2pix.models import network_configs
from pix2pix.training import (
    DevSet,
    EpochResult,
    Request,
    TrainState,
    fit,
    new_state,
)
from pix2pix.training.loop import OnStep
from pix2pix.valid_pixels import Pairs


class DrawnBatches:
    """Two batches an epoch, which are drawn by (epoch, index)."""

    num_batches = 2

    def __call__(self, epoch: int, start_step: int) -> Iterator[Pairs]:
        for index in range(start_step, self.num_batches):
            yield drawn_pair(100 * epoch + index)


def drawn_pair(seed: int, size: int = 32) -> Pairs:
    """Return a source and a target that depends on it, so that there is something to learn."""
    source = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return Pairs(source, -source.flip(1))


DEV = DevSet(batches=[drawn_pair(7), drawn_pair(8)], samples=[drawn_pair(7).source])


def state_of(params: Params) -> TrainState:
    """A training of these parameters that has not begun."""
    return new_state(*network_configs(params), config=params.train)


def run_epochs(
    state: TrainState, config: TrainConfig, epochs: int | None = None
) -> list[EpochResult]:
    results = []
    for result in fit(state, DrawnBatches(), config, dev=DEV):
        assert isinstance(result, EpochResult)
        results.append(result)
        if len(results) == epochs:
            break
    return results


def stop_at(step: int) -> OnStep:
    """Return a function that asks to stop after so many steps of this process."""
    steps = itertools.count(1)
    return lambda _progress: Request.STOP if next(steps) == step else Request.NONE


def steady(metrics: dict[str, float]) -> dict[str, float]:
    """Return the metrics without those that depend on the clock."""
    return {k: v for k, v in metrics.items() if not k.startswith("perf/") and k != "time_s"}


def assert_equal_states(one: TrainState, two: TrainState) -> None:
    first, second = one.state_dict(), two.state_dict()
    for network in ("generator", "discriminator"):
        assert all(torch.equal(first[network][k], v) for k, v in second[network].items())
    for optimizer in ("generator_optimizer", "discriminator_optimizer"):
        moments = first[optimizer]["state"]
        for index, moment in second[optimizer]["state"].items():
            assert all(torch.equal(moments[index][k], v) for k, v in moment.items())
    assert (one.epoch, one.step, one.batch) == (two.epoch, two.step, two.batch)
    assert torch.equal(first["ranks"], second["ranks"])
    for network in ("generator", "discriminator"):
        for key, value in first["best"][network].items():
            assert torch.equal(second["best"][network][key], value), key
