"""Several workers are one: gloo processes on loopback, without Ray."""

import dataclasses
import os
import socket
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, distributed, multiprocessing
from torch.nn.parallel import DistributedDataParallel

from pix2pix.config import Params
from pix2pix.models import network_configs
from pix2pix.training import new_state, train_step
from pix2pix.training.dev import dev_metrics
from pix2pix.training.distributed import average_buffers, mean_over_ranks, wrapping_options

NUM_STEPS = 8
# Float32 sums in another order, grown over eight Adam steps; measured: at most 1e-6.
BOUND = 5e-6


def _params(params: Params, norm: str) -> Params:
    model = dataclasses.replace(params.model, norm=norm, dropout=0.0)
    return dataclasses.replace(params, model=model)


def _batch(step: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(step)
    source = torch.rand(4, 3, 32, 32, generator=generator) * 2 - 1
    return source, source.flip(1) * 0.5


def _train(params: Params, *, rank: int, world_size: int) -> dict[str, Any]:
    def wrap(network: torch.nn.Module) -> torch.nn.Module:
        if world_size == 1:
            return network
        return DistributedDataParallel(network, **wrapping_options())

    state = new_state(*network_configs(params), config=params.train, wrap=wrap)
    for step in range(NUM_STEPS):
        source, target = _batch(step)
        share = slice(rank, None, world_size)
        losses = train_step(state, source[share], target[share], params.train)
    average_buffers(state.generator)
    average_buffers(state.discriminator)
    source, target = _batch(99)
    # Three images: with four workers one has none.
    dev = [(source[:3][rank::world_size], target[:3][rank::world_size])]
    dev = [pair for pair in dev if len(pair[0])]
    return {
        "weights": state.state_dict()["generator"] | state.state_dict()["discriminator"],
        "dev": dev_metrics(state.generator, dev, seed=0),
        "mean": mean_over_ranks({"l1": losses.l1}, state.device),
    }


def _worker(rank: int, world_size: int, port: int, params: Params, folder: str) -> None:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", rank=rank, world_size=world_size)
    torch.save(_train(params, rank=rank, world_size=world_size), f"{folder}/{rank}.pt")
    distributed.destroy_process_group()


def _train_together(params: Params, world_size: int, folder: Path) -> list[dict[str, Any]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    multiprocessing.spawn(_worker, (world_size, port, params, str(folder)), nprocs=world_size)
    return [torch.load(folder / f"{rank}.pt") for rank in range(world_size)]


@pytest.mark.slow
@pytest.mark.parametrize(("norm", "world_size"), [("none", 2), ("instance", 2), ("none", 4)])
def test_the_number_of_workers_does_not_change_the_weights(
    small_params: Params, tmp_path: Path, norm: str, world_size: int
) -> None:
    params = _params(small_params, norm)
    alone = _train(params, rank=0, world_size=1)
    together = _train_together(params, world_size, tmp_path)
    for worker in together:
        off = max(
            (worker["weights"][k] - v).abs().max().item() for k, v in alone["weights"].items()
        )
        assert off < BOUND
        assert worker["dev"] == pytest.approx(alone["dev"], abs=BOUND)
        assert worker["mean"] == pytest.approx(alone["mean"], abs=BOUND)


@pytest.mark.slow
def test_with_batch_norm_ranks_end_with_equal_weights_and_statistics(
    small_params: Params, tmp_path: Path
) -> None:
    """Statistics are gathered per worker and averaged before dev is scored."""
    first, second = _train_together(_params(small_params, "batch"), 2, tmp_path)
    assert first["dev"] == second["dev"]
    for key, value in first["weights"].items():
        assert torch.equal(value, second["weights"][key]), key


def test_alone_everything_is_the_identity() -> None:
    norm = torch.nn.BatchNorm2d(2)
    norm.running_mean += 3.0
    average_buffers(norm)
    assert norm.running_mean.tolist() == [3.0, 3.0]
    metrics = {"b": torch.tensor(2.0), "a": torch.tensor(1.0)}
    assert mean_over_ranks(metrics, torch.device("cpu")) == {"a": 1.0, "b": 2.0}
