"""Times of steps and of sums in a group of worker processes with fixed cores."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from statistics import mean
from typing import Any, Literal, NamedTuple

import torch
from torch import distributed, nn
from torch.multiprocessing.spawn import spawn
from torch.nn.parallel import DistributedDataParallel

from benchmarks.results import Exchange
from benchmarks.workload import preset
from pix2pix.config import height_width
from pix2pix.models import network_configs
from pix2pix.training import new_state, train_step
from pix2pix.training.distributed import exchange_gradients, wrapping_options

# DistributedDataParallel settles its buckets in the second step.
_WARM_UP_STEPS = 3
_WARM_UP_SUMS = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What a group measures."""

    batches: dict[str, tuple[int, ...]]  # preset -> images per worker
    steps: dict[str, int]  # preset -> steps of a block
    sum_bytes: tuple[int, ...]
    num_sums: int
    cores_per_worker: int


class GroupStep(NamedTuple):
    """Mean seconds of a step in one block."""

    preset: str
    batch: int
    exchange: Exchange
    seconds: float


class GroupTimes(NamedTuple):
    """What rank 0's clock said, between barriers."""

    steps: list[GroupStep]
    sums: dict[int, float]  # bytes -> mean seconds


def measure_group(num_workers: int, plan: Plan) -> GroupTimes:
    """Start the workers, measure once, end them."""
    with tempfile.TemporaryDirectory() as folder:
        answers: SimpleQueue[GroupTimes] = get_context("spawn").SimpleQueue()
        arguments = (num_workers, plan, f"file://{folder}/rendezvous", answers)
        spawn(_worker, arguments, nprocs=num_workers)
        return answers.get()


def _worker(
    rank: int, num_workers: int, plan: Plan, address: str, answers: "SimpleQueue[GroupTimes]"
) -> None:
    _take_cores(rank, plan.cores_per_worker)
    distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=num_workers)
    try:
        steps = [
            step
            for name, batches in plan.batches.items()
            for batch in batches
            for step in _time_preset(name, batch, num_steps=plan.steps[name])
        ]
        sums = {each: _time_sum(each, plan.num_sums) for each in plan.sum_bytes}
    finally:
        distributed.destroy_process_group()
    if rank == 0:
        answers.put(GroupTimes(steps, sums))


def _take_cores(rank: int, count: int) -> None:
    torch.set_num_threads(count)
    if hasattr(os, "sched_setaffinity"):  # Linux
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[rank * count : (rank + 1) * count])


def _time_preset(name: str, batch: int, *, num_steps: int) -> list[GroupStep]:
    size = distributed.get_world_size()
    if size == 1:
        alone = _Trainee(name, batch, "float32")
        return [GroupStep(name, batch, "none", _block(alone, num_steps))]
    trainee = _Trainee(name, batch, "float32")
    # With, without, without, with: a drift of the machine's speed falls on both alike.
    first_s = _block(trainee, num_steps)
    with trainee.gradients_kept_local():
        without_s = mean((_block(trainee, num_steps), _block(trainee, num_steps)))
    with_s = mean((first_s, _block(trainee, num_steps)))
    del trainee  # its memory, before the next one's
    return [
        GroupStep(name, batch, "none", without_s),
        GroupStep(name, batch, "float32", with_s),
        GroupStep(name, batch, "bfloat16", _block(_Trainee(name, batch, "bfloat16"), num_steps)),
    ]


class _Trainee:
    """A state that trains on random pairs, wrapped as under Ray."""

    def __init__(self, name: str, batch: int, exchange: Literal["float32", "bfloat16"]) -> None:
        params, size = preset(name), distributed.get_world_size()
        self._config = replace(
            params.train, batch_size=batch * size, num_workers=size, gradient_exchange=exchange
        )
        self._state = new_state(*network_configs(params), config=self._config, wrap=self._wrapped)
        shape = (batch, 3, *height_width(params.data.image_size))
        self._source, self._target = torch.rand(shape) * 2 - 1, torch.rand(shape) * 2 - 1
        self.train(_WARM_UP_STEPS)

    def train(self, num_steps: int) -> None:
        for _ in range(num_steps):
            train_step(self._state, self._source, self._target, self._config)

    @contextmanager
    def gradients_kept_local(self) -> Iterator[None]:
        """Backward passes in here exchange nothing."""
        generator, discriminator = self._state.generator, self._state.discriminator
        assert isinstance(generator, DistributedDataParallel)
        assert isinstance(discriminator, DistributedDataParallel)
        with generator.no_sync(), discriminator.no_sync():
            yield

    def _wrapped(self, network: nn.Module) -> nn.Module:
        if distributed.get_world_size() == 1:
            return network
        options: dict[str, Any] = {**wrapping_options()}
        wrapped = DistributedDataParallel(network, **options)
        exchange_gradients(wrapped, self._config)
        return wrapped


def _block(trainee: _Trainee, num_steps: int) -> float:
    """Mean seconds of a step, between barriers."""
    distributed.barrier()
    started_s = time.perf_counter()
    trainee.train(num_steps)
    distributed.barrier()
    return (time.perf_counter() - started_s) / num_steps


def _time_sum(num_bytes: int, count: int) -> float:
    values = torch.zeros(num_bytes // 4)
    for _ in range(_WARM_UP_SUMS):
        distributed.all_reduce(values)
    distributed.barrier()
    started_s = time.perf_counter()
    for _ in range(count):
        distributed.all_reduce(values)
    return (time.perf_counter() - started_s) / count


def processor() -> str:
    """The processor's name where the system tells it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown"
