"""The training loop: yields one result per epoch, and the caller decides what to do with it."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.profiler import record_function

from pix2pix.config import TrainConfig
from pix2pix.models import InferenceNetwork, translate
from pix2pix.training.computing import to_memory_layout
from pix2pix.training.dev import better_mode, dev_metrics
from pix2pix.training.distributed import (
    LateMax,
    average_buffers,
    rank,
    share_weight,
    sum_over_ranks,
    unwrap,
    world_size,
)
from pix2pix.training.late_check import Before, LateCheck
from pix2pix.training.losses import generator_loss
from pix2pix.training.pace import Pace, StepProgress
from pix2pix.training.profile import STEP, WAIT, Profile, StepTracer
from pix2pix.training.replay import MakeStep, step_maker
from pix2pix.training.schedule import learning_rate, set_learning_rate
from pix2pix.training.seeding import seed_step
from pix2pix.training.selection import is_better, is_finished
from pix2pix.training.state import TrainState
from pix2pix.valid_pixels import PairBatch, Pairs


class Batches(Protocol):
    """This rank's share of the training split."""

    @property
    def num_batches(self) -> int:
        """The number of batches of an epoch, which is the same on every rank."""

    def __call__(self, epoch: int, start_step: int) -> Iterator[PairBatch]:
        """Yield the batches of the 0-based `epoch` from `start_step` on, always the same."""


class DevSet(NamedTuple):
    """The dev split, on which epochs are scored; it is not used for training."""

    batches: Iterable[PairBatch]  # this rank's share
    samples: Sequence[Tensor]  # batches (N, C, H, W) of sources of the pairs in the sample grids


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochResult:
    """The result of an epoch. `epoch` counts finished passes: 0 is the untrained generator."""

    epoch: int
    metrics: dict[str, float]  # averaged over ranks, except for `perf/...` by this rank's clock
    samples: list[Tensor] | None  # fakes (C, H, W); only on rank 0 and in some epochs
    is_best: bool  # it has the lowest dev L1 so far of the epochs that may be kept
    is_last: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class SavePoint:
    """A step within an epoch after which the caller should save the state."""

    step: int
    is_stop: bool  # `on_step` asked to stop, so nothing follows


class Request(IntEnum):
    """What `on_step` may ask for. The highest value of all ranks counts on each rank.

    With several ranks it counts after the next step, so that no step waits for the exchange.
    """

    NONE = 0
    SAVE = 1
    STOP = 2  # save and end


OnStep = Callable[[StepProgress], Request]


def fit(
    state: TrainState,
    batches: Batches,
    config: TrainConfig,
    *,
    dev: DevSet,
    on_step: OnStep = lambda _progress: Request.NONE,
    on_profile: Callable[[Profile], None] | None = None,
) -> Iterator[EpochResult | SavePoint]:
    """Train from the state's position up to `config.total_epochs`, yielding after each epoch.

    A fresh state first yields epoch 0, the untrained generator. Between epochs there is a SavePoint
    every `config.checkpoint_every_steps`, and whenever `on_step` asks for one. The caller may stop
    after any result: `state` can be saved and continued at each yield. The training ends early
    after `config.early_stopping_epochs` without a better dev L1. `on_profile` gets a trace of a few
    steps of the first epoch. Raises NonFiniteLossError, with the batch as its `batch`.
    """
    if not state.history:
        yield _finish_epoch(state, dev, config, measured={})
    make_step = step_maker(state, config)
    while not is_finished(state.history, config):
        pace = Pace()
        tracer = StepTracer(batches.num_batches - state.batch, state.device, on_profile)
        on_profile = None  # one trace is enough
        for request in _train_epoch(
            state, batches, config, make_step=make_step, on_step=on_step, pace=pace, tracer=tracer
        ):
            yield SavePoint(step=state.step, is_stop=request is Request.STOP)
            if request is Request.STOP:
                return
        measured = _train_metrics(state, config, batches.num_batches) | pace.metrics()
        state.epoch, state.batch = state.epoch + 1, 0
        state.clear_losses()
        yield _finish_epoch(state, dev, config, measured)


def _train_epoch(
    state: TrainState,
    batches: Batches,
    config: TrainConfig,
    *,
    make_step: MakeStep,
    on_step: OnStep,
    pace: Pace,
    tracer: StepTracer,
) -> Iterator[Request]:
    """Train for the rest of an epoch. Yields a request after each step that should be saved."""
    rate = learning_rate(state.epoch, config)
    set_learning_rate(state.generator_optimizer, rate)
    set_learning_rate(state.discriminator_optimizer, rate)
    epoch_batches = batches(state.epoch, state.batch)
    check, requests = LateCheck(state), LateMax(state.device)
    with tracer:
        while state.batch < batches.num_batches:
            tracer.begin_step()
            with record_function(WAIT):
                batch = pace.next_batch(epoch_batches)
            with record_function(STEP):
                _train_batch(state, batch, config, make_step=make_step, check=check)
            tracer.end_step()
            pace.count(config.batch_size)
            asked = on_step(pace.progress(state.epoch, state.batch, batches.num_batches))
            request = Request(requests.exchanged(asked))
            if request is Request.NONE and _is_due(state, config, batches.num_batches):
                request = Request.SAVE
            if request is not Request.NONE:
                check.settle()
                yield Request(max(request, requests.last()))
    check.settle()
    request = Request(requests.last())
    if request is not Request.NONE:
        yield request


def _train_batch(
    state: TrainState,
    batch: PairBatch,
    config: TrainConfig,
    *,
    make_step: MakeStep,
    check: LateCheck,
) -> None:
    source, target = (to_memory_layout(each, config) for each in (batch.source, batch.target))
    seed_step(config.seed, state.step, rank())
    before = Before.of(state)
    step = make_step(source, target, batch.valid)
    state.batch += 1
    # Sums are part of the state, so that a checkpoint within the epoch has them. `before` keeps the
    # earlier sums.
    weight = share_weight(len(source), config.batch_size)
    state.loss_sums = state.loss_sums + torch.stack(step.losses).double() * weight
    check.add(before, batch, step.report)


def _is_due(state: TrainState, config: TrainConfig, num_batches: int) -> bool:
    """Return whether `checkpoint_every_steps` asks for a checkpoint; not at the end of an epoch."""
    every = config.checkpoint_every_steps
    return every is not None and state.step % every == 0 and state.batch < num_batches


def _train_metrics(state: TrainState, config: TrainConfig, num_batches: int) -> dict[str, float]:
    """Return the means of an epoch's losses over all pairs, and the learning rate.

    `train/l1` is a share of the range of values, as `dev/l1`; the losses are of values in [-1, 1].
    """
    totals = sum_over_ranks(state.loss_sums) / (world_size() * num_batches)
    fake, real, adversarial, l1 = totals.tolist()  # the fields of StepLosses
    return {
        "train/loss_d": 0.5 * (fake + real),
        "train/loss_d_fake": fake,
        "train/loss_d_real": real,
        "train/loss_g": generator_loss(adversarial, l1, config),
        "train/loss_g_adversarial": adversarial,
        "train/loss_g_l1": l1,
        "train/l1": l1 / 2,
        "train/learning_rate": learning_rate(state.epoch, config),
    }


def _finish_epoch(
    state: TrainState, dev: DevSet, config: TrainConfig, measured: dict[str, float]
) -> EpochResult:
    """Score the dev split, add a record to the history, and generate samples if they are due."""
    average_buffers(state.generator)
    average_buffers(state.discriminator)
    scores = dev_metrics(state.generator, _pairs(dev.batches, config), seed=config.seed)
    may_be_kept = state.epoch >= config.best_from_epoch
    is_best = may_be_kept and is_better(scores["dev/l1"], state.history, config)
    if is_best and rank() == 0:
        state.keep_as_best(scores)
    metrics = measured | scores
    record = {"epoch": state.epoch, "step": state.step, "time_s": time.time(), **metrics}
    state.history = [*state.history, record]
    is_last = is_finished(state.history, config)
    due = is_last or state.epoch % config.sample_every_epochs == 0
    return EpochResult(
        epoch=state.epoch,
        metrics=metrics,
        samples=_samples(state, dev.samples, config, scores) if due and rank() == 0 else None,
        is_best=is_best,
        is_last=is_last,
    )


def _pairs(batches: Iterable[PairBatch], config: TrainConfig) -> Iterator[Pairs]:
    for batch in batches:
        yield Pairs(to_memory_layout(batch.source, config), batch.target, batch.valid)


def _samples(
    state: TrainState, batches: Sequence[Tensor], config: TrainConfig, scores: dict[str, float]
) -> list[Tensor]:
    network = InferenceNetwork(unwrap(state.generator), better_mode(scores))
    fakes: list[Tensor] = []
    for batch in batches:
        source = to_memory_layout(batch.to(state.device), config)
        fakes += translate(network, source, seeds=[config.seed] * len(source)).cpu()
    return fakes
