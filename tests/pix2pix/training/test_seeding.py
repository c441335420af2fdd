"""What the seed, the step and the rank decide."""

import dataclasses

import torch
from torch import Tensor

from pix2pix.config import Params
from pix2pix.training.seeding import seed_step
from tests.support.deviation import weights
from tests.support.drawn_batches import state_of


def _draw(seed: int, step: int, rank: int) -> tuple[float, ...]:
    seed_step(seed, step, rank)
    return tuple(torch.rand(4).tolist())


def test_each_seed_step_and_rank_has_draws_of_its_own_that_repeat() -> None:
    places = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    draws = [_draw(*place) for place in places]
    assert len(set(draws)) == len(places)
    assert [_draw(*place) for place in reversed(places)] == draws[::-1]


def _first_weights(params: Params, seed: int) -> dict[str, Tensor]:
    train = dataclasses.replace(params.train, seed=seed)
    return weights(state_of(dataclasses.replace(params, train=train)))


def test_the_seed_decides_the_first_weights(small_params: Params) -> None:
    one, again, other = (_first_weights(small_params, seed) for seed in (0, 0, 1))
    convolutions = [key for key, value in one.items() if value.dim() > 1]
    assert len(convolutions) > 10
    assert all(torch.equal(one[key], again[key]) for key in one)
    assert not any(torch.equal(one[key], other[key]) for key in convolutions)
