"""What one of several workers computes, with what goes wrong on the way."""

import dataclasses
import math
from typing import Any

import pytest
import torch
from torch import Tensor, distributed
from torch.distributed.algorithms.ddp_comm_hooks import default_hooks
from torch.nn.parallel import DistributedDataParallel

from pix2pix.config import Params
from pix2pix.models import network_configs
from pix2pix.training import NonFiniteLossError, TrainState, new_state
from pix2pix.training.dev import dev_metrics
from pix2pix.training.distributed import (
    LateMax,
    any_over_ranks,
    average_buffers,
    exchange_gradients,
    share_weight,
    sum_over_ranks,
    unwrap,
    wrapping_options,
)
from pix2pix.valid_pixels import Pairs
from tests.support.checked_step import checked_step
from tests.support.deviation import gradients, weights

NUM_STEPS = 8


BATCH_SIZE = 4  # three workers have two pairs, one and one


POISONS = ("discriminator", "generator")  # whose loss is not finite


def params_of(small_params: Params, norm: str, **train: Any) -> Params:
    model = dataclasses.replace(small_params.model, norm=norm, dropout=0.0)
    config = dataclasses.replace(small_params.train, batch_size=BATCH_SIZE, **train)
    return dataclasses.replace(small_params, model=model, train=config)


def batch_of_step(step: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(step)
    source = torch.rand(BATCH_SIZE, 3, 32, 32, generator=generator) * 2 - 1
    return source, source.flip(1) * 0.5


def valid_of_step(case: str) -> Tensor | None:
    """Pixels that count: of one pair all, of one none, of two others some."""
    if not case.startswith("masked"):
        return None
    valid = torch.rand(BATCH_SIZE, 1, 32, 32, generator=torch.Generator().manual_seed(0)) < 0.3
    valid[1], valid[2, ..., 16:], valid[3] = True, False, False
    return valid


def state_of(params: Params, world_size: int) -> TrainState:
    def wrap(network: torch.nn.Module) -> torch.nn.Module:
        if world_size > 1:
            network = DistributedDataParallel(network, **wrapping_options())
        exchange_gradients(network, params.train)
        return network

    return new_state(*network_configs(params), config=params.train, wrap=wrap)


def _statistics(state: TrainState) -> dict[str, Tensor]:
    return {
        name: buffer.clone()
        for network in (state.generator, state.discriminator)
        for name, buffer in unwrap(network).named_buffers()
    }


def train_steps(params: Params, case: str, *, rank: int, world_size: int) -> dict[str, Any]:
    state = state_of(params, world_size)
    start = weights(state)
    share = slice(rank, None, world_size)
    valid = valid_of_step(case)
    for step in range(NUM_STEPS):
        source, target = (images[share] for images in batch_of_step(step))
        mask = None if valid is None else valid[share]
        losses = checked_step(state, source, target, params.train, valid=mask)
        if step == 0:
            first_gradients = gradients(state)
    average_buffers(state.generator)
    average_buffers(state.discriminator)
    # Three images: with four workers one has none.
    dev_valid = None if valid is None else valid[:3][share]
    dev = [Pairs(*(images[:3][share] for images in batch_of_step(99)), dev_valid)]
    dev = [pairs for pairs in dev if len(pairs.source)]
    weight = share_weight(len(source), BATCH_SIZE)
    weighted = losses.l1 * weight
    return {
        "start": start,
        "gradients": first_gradients,
        "weights": weights(state),
        "statistics": _statistics(state),
        "share_weight": weight,
        "dev": dev_metrics(state.generator, dev, seed=0),
        "mean": (sum_over_ranks(weighted.detach().double()) / world_size).item(),
    }


def _go_through(params: Params, *, poison: str, rank: int, world_size: int) -> dict[str, Any]:
    """Make a step, then one with a NaN on the last rank, which fails, and then another one."""
    state, untouched = state_of(params, world_size), state_of(params, world_size)
    share = slice(rank, None, world_size)
    first, bad, last = ([images[share] for images in batch_of_step(step)] for step in range(3))
    config = params.train
    checked_step(state, *first, config)
    before = weights(state)
    if poison == "generator":  # the weighted sum overflows; D's terms do not
        config = dataclasses.replace(config, lambda_l1=1e38)
    if rank == world_size - 1:
        bad[1] = torch.full_like(bad[1], math.nan if poison == "discriminator" else 100.0)
    with pytest.raises(NonFiniteLossError) as caught:
        checked_step(state, *bad, config)
    after = weights(state)
    for batch in (first, last):
        checked_step(untouched, *batch, params.train)
    checked_step(state, *last, params.train)
    return {
        "error": str(caught.value),
        "terms": caught.value.terms,
        "is_here": caught.value.is_here,
        "before": before,
        "after": after,
        "in the end": weights(state),
        "without it": weights(untouched),
    }


def _num_exchanges(params: Params, *, rank: int, world_size: int) -> int:
    """Return how often gradients are exchanged in a step; those of a network fit in one bucket."""
    state, num_calls = state_of(params, world_size), 0

    def counted(group: Any, bucket: distributed.GradBucket) -> torch.futures.Future[Tensor]:
        nonlocal num_calls
        num_calls += 1
        return default_hooks.allreduce_hook(group, bucket)

    for network in (state.generator, state.discriminator):
        network.register_comm_hook(None, counted)
    for step in range(2):
        share = slice(rank, None, world_size)
        checked_step(state, *(images[share] for images in batch_of_step(step)), params.train)
    return num_calls


def _order_of_exchange(params: Params, *, rank: int, world_size: int) -> list[str]:
    """Return what happens in the second step: a bucket is sent, or the last gradient is there."""
    happened: list[str] = []

    def sent(group: Any, bucket: distributed.GradBucket) -> torch.futures.Future[Tensor]:
        happened.append("bucket")
        return default_hooks.allreduce_hook(group, bucket)

    def wrap(network: torch.nn.Module) -> torch.nn.Module:
        first = next(network.parameters())
        first.register_post_accumulate_grad_hook(lambda _parameter: happened.append("last"))
        small = {"bucket_cap_mb": 0.005}
        wrapped = DistributedDataParallel(network, **wrapping_options(), **small)
        wrapped.register_comm_hook(None, sent)
        return wrapped

    state = new_state(*network_configs(params), config=params.train, wrap=wrap)
    for step in range(2):
        happened.clear()
        share = slice(rank, None, world_size)
        checked_step(state, *(images[share] for images in batch_of_step(step)), params.train)
    return happened


def _late_largest(rank: int) -> list[int]:
    """What is known in each of four calls, in which another rank has the largest, and after."""
    late = LateMax(torch.device("cpu"))
    asked = [1 if rank == 0 else 0, rank, 0, rank]
    return [*map(late.exchanged, asked), late.last(), late.last()]


def work(
    rank: int, world_size: int, trained: dict[str, Params], poisoned: dict[str, Params]
) -> dict[str, Any]:
    group = {"rank": rank, "world_size": world_size}
    return {
        "any": [
            any_over_ranks(rank == each, torch.device("cpu")) for each in range(-1, world_size)
        ],
        "late largest": _late_largest(rank),
        "order": _order_of_exchange(next(iter(trained.values())), **group),
        "exchanges": {name: _num_exchanges(params, **group) for name, params in poisoned.items()},
        **{name: train_steps(params, name, **group) for name, params in trained.items()},
        **{
            f"{poison}: {name}": _go_through(params, poison=poison, **group)
            for name, params in poisoned.items()
            for poison in POISONS
        },
    }
