"""The training loop: yields one result per epoch, and the caller decides what to do with it."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from pix2pix.config import TrainConfig
from pix2pix.models import translate
from pix2pix.training.dev import better_mode, dev_metrics
from pix2pix.training.distributed import (
    average_buffers,
    mean_over_ranks,
    rank,
    unwrap,
    world_size,
)
from pix2pix.training.precision import laid_out
from pix2pix.training.schedule import learning_rate, set_learning_rate
from pix2pix.training.seeding import seed_step
from pix2pix.training.state import TrainState
from pix2pix.training.step import StepLosses, train_step


class Batches(Protocol):
    """This rank's share of the training split; each batch starts with source and target."""

    @property
    def num_batches(self) -> int:
        """Batches of an epoch, equal on every rank."""

    def __call__(self, epoch: int) -> Iterator[Any]:
        """The batches of 0-based `epoch`, a pure function of it."""


class DevSet(NamedTuple):
    """What an epoch is judged by; nothing here is trained on."""

    batches: Iterable[Any]  # this rank's share; each starts with source and target
    samples: Tensor  # sources of the fixed pairs of the sample grids


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochResult:
    """What an epoch gave. `epoch` counts finished passes: 0 is the untrained generator."""

    epoch: int
    metrics: dict[str, float]  # averaged over ranks; `perf/...` are this rank's clock
    samples: Tensor | None  # fakes of the fixed dev pairs, on rank 0, every few epochs
    is_best: bool  # lowest dev L1 so far of those that may be kept
    may_be_kept: bool  # from `config.best_from_epoch` on
    is_last: bool


@dataclass(frozen=True, slots=True)
class StepProgress:
    """Where the loop is, for a progress bar."""

    epoch: int
    batch: int  # finished batches of this epoch
    num_batches: int
    images_per_s: float  # over all ranks
    data_wait_share: float  # of the time, waiting for the loader


OnStep = Callable[[StepProgress], None]


def fit(
    state: TrainState,
    batches: Batches,
    config: TrainConfig,
    *,
    dev: DevSet,
    on_step: OnStep | None = None,
) -> Iterator[EpochResult]:
    """Train from `state.epoch` up to `config.total_epochs`, yielding after each epoch.

    A fresh state first yields epoch 0, the untrained generator. The caller may stop by not asking
    for more; `state` is complete and resumable at each yield. Ends early after
    `config.early_stopping_epochs` without a better dev L1. Raises NonFiniteLossError.
    """
    if not state.history:
        yield _result(state, dev, config, measured={})
    while state.epoch < config.total_epochs and not stops_early(state.history, config):
        measured = _train_epoch(state, batches, config, on_step)
        state.epoch += 1
        yield _result(state, dev, config, measured)


def stops_early(history: list[dict[str, float]], config: TrainConfig) -> bool:
    """Whether the last `early_stopping_epochs` epochs brought no lower dev L1.

    Epochs before `best_from_epoch` neither count as better nor let it stop.
    """
    candidates = [record for record in history if record["epoch"] >= config.best_from_epoch]
    if config.early_stopping_epochs is None or not candidates:
        return False
    best = min(candidates, key=lambda record: record["dev/l1"])
    return history[-1]["epoch"] - best["epoch"] >= config.early_stopping_epochs


def _train_epoch(
    state: TrainState, batches: Batches, config: TrainConfig, on_step: OnStep | None
) -> dict[str, float]:
    """One pass over the training split; the mean of each loss and how fast it went."""
    rate = learning_rate(state.epoch, config)
    set_learning_rate(state.generator_optimizer, rate)
    set_learning_rate(state.discriminator_optimizer, rate)
    losses: list[Tensor] = []
    started_s, waited_s = time.perf_counter(), 0.0
    epoch_batches = batches(state.epoch)
    for num_done in range(1, batches.num_batches + 1):
        asked_s = time.perf_counter()
        source, target, *_ = next(epoch_batches)
        waited_s += time.perf_counter() - asked_s
        seed_step(config.seed, state.step, rank())
        step = train_step(state, laid_out(source, config), laid_out(target, config), config)
        losses.append(torch.stack(step))
        elapsed_s = time.perf_counter() - started_s
        images_per_s = num_done * len(source) * world_size() / elapsed_s
        if on_step is not None:
            wait_share = waited_s / elapsed_s
            on_step(
                StepProgress(state.epoch, num_done, batches.num_batches, images_per_s, wait_share)
            )
    means = StepLosses(*torch.stack(losses).double().mean(dim=0))
    return _train_metrics(means, config, state.device) | {
        "train/learning_rate": rate,
        "perf/images_per_s": images_per_s,
        "perf/data_wait_share": waited_s / elapsed_s,
        "perf/epoch_s": elapsed_s,
    }


def _train_metrics(
    means: StepLosses, config: TrainConfig, device: torch.device
) -> dict[str, float]:
    terms = {
        "train/loss_d": 0.5 * (means.discriminator_fake + means.discriminator_real),
        "train/loss_d_fake": means.discriminator_fake,
        "train/loss_d_real": means.discriminator_real,
        "train/loss_g": config.lambda_adversarial * means.adversarial + config.lambda_l1 * means.l1,
        "train/loss_g_adversarial": means.adversarial,
        "train/loss_g_l1": means.l1,
    }
    return mean_over_ranks(terms, device)


def _result(
    state: TrainState, dev: DevSet, config: TrainConfig, measured: dict[str, float]
) -> EpochResult:
    """Score the dev split, add the record to the history, and draw samples when they are due."""
    average_buffers(state.generator)
    average_buffers(state.discriminator)
    scores = dev_metrics(state.generator, _pairs(dev.batches, config), seed=config.seed)
    may_be_kept = state.epoch >= config.best_from_epoch
    earlier = (r["dev/l1"] for r in state.history if r["epoch"] >= config.best_from_epoch)
    is_best = may_be_kept and all(scores["dev/l1"] < l1 for l1 in earlier)
    metrics = measured | scores
    record = {"epoch": state.epoch, "step": state.step, "time_s": time.time(), **metrics}
    state.history = [*state.history, record]
    is_last = state.epoch == config.total_epochs or stops_early(state.history, config)
    due = is_last or state.epoch % config.sample_every_epochs == 0
    return EpochResult(
        epoch=state.epoch,
        metrics=metrics,
        samples=_samples(state, dev.samples, config, scores) if due and rank() == 0 else None,
        is_best=is_best,
        may_be_kept=may_be_kept,
        is_last=is_last,
    )


def _pairs(batches: Iterable[Any], config: TrainConfig) -> Iterator[tuple[Tensor, Tensor]]:
    for source, target, *_ in batches:
        yield laid_out(source, config), target


def _samples(
    state: TrainState, source: Tensor, config: TrainConfig, scores: dict[str, float]
) -> Tensor:
    source = laid_out(source.to(state.device), config)
    seeds = [config.seed] * len(source)
    return translate(unwrap(state.generator), source, mode=better_mode(scores), seeds=seeds).cpu()
