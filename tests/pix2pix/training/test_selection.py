"""Which epoch is kept, also if some scores are not finite."""

import dataclasses
import math
from collections.abc import Iterator

import pytest
import torch

from pix2pix.config import Params, TrainConfig
from pix2pix.models import network_configs
from pix2pix.training import DevSet, EpochResult, fit, new_state
from pix2pix.training import loop as training_loop
from pix2pix.training.dev import better_mode
from pix2pix.training.selection import (
    is_better,
    is_finished,
    kept,
    scores_by_epoch,
    stops_early,
)
from pix2pix.valid_pixels import Pairs

NAN, INF = math.nan, math.inf


def history(*l1: float) -> list[dict[str, float]]:
    """Return a history with these dev L1, the first of epoch 0 (untrained)."""
    return [{"epoch": float(epoch), "dev/l1": value} for epoch, value in enumerate(l1)]


@pytest.fixture
def config(small_params: Params) -> TrainConfig:
    return dataclasses.replace(small_params.train, num_epochs=4, num_decay_epochs=0)


@pytest.mark.parametrize("undefined", [NAN, INF, -INF])
def test_a_score_that_is_not_finite_is_never_the_best(
    config: TrainConfig, undefined: float
) -> None:
    assert not is_better(undefined, history(0.5), config)
    assert not is_better(undefined, history(0.5, 0.4), config)
    assert is_better(0.9, history(0.5, undefined), config)
    assert is_better(0.3, history(0.5, 0.4, undefined), config)
    assert not is_better(0.4, history(0.5, 0.4, undefined), config)
    assert scores_by_epoch(history(0.1, 0.4, undefined, 0.3), config) == {1: 0.4, 3: 0.3}


def test_epochs_without_a_score_count_as_epochs_without_a_better_one(
    config: TrainConfig,
) -> None:
    patient = dataclasses.replace(config, num_epochs=9, early_stopping_epochs=2)
    assert not stops_early(history(0.5, NAN, NAN), patient)
    assert stops_early(history(0.5, NAN, NAN, NAN), patient)
    assert stops_early(history(0.5, 0.4, NAN, NAN), patient)
    assert not stops_early(history(0.5, NAN, NAN, 0.4), patient)


def test_a_training_is_finished_at_its_last_epoch_or_when_it_stops_early(
    config: TrainConfig,
) -> None:
    assert not is_finished([], config)
    assert not is_finished(history(0.5, 0.4, 0.3, 0.2), config)
    assert is_finished(history(0.5, 0.4, 0.3, 0.2, 0.1), config)
    patient = dataclasses.replace(config, early_stopping_epochs=1)
    assert is_finished(history(0.5, 0.4, 0.4), patient)


def test_a_mode_with_a_finite_score_is_better_than_one_without() -> None:
    def of(published: float, deterministic: float) -> str:
        return better_mode({"dev/l1_published": published, "dev/l1_deterministic": deterministic})

    assert of(0.2, NAN) == of(0.2, INF) == of(0.2, 0.3) == "published"
    assert of(NAN, 0.2) == of(INF, 0.2) == of(0.3, 0.2) == of(NAN, NAN) == "deterministic"


class _NoBatches:
    """One batch an epoch, with nothing to learn."""

    num_batches = 1

    def __call__(self, _epoch: int, start_step: int) -> Iterator[Pairs]:
        image = torch.zeros(2, 3, 32, 32)
        yield from [Pairs(image, image)][start_step:]


def _scored(
    monkeypatch: pytest.MonkeyPatch, params: Params, config: TrainConfig, *scores: float
) -> tuple[list[EpochResult], training_loop.TrainState]:
    """Return a finished training whose epochs, from epoch 0 on, have these dev scores."""
    given = iter(scores)

    def dev_metrics(*_: object, **_options: object) -> dict[str, float]:
        l1 = next(given)
        return {"dev/l1": l1, "dev/l1_published": l1, "dev/l1_deterministic": l1}

    monkeypatch.setattr(training_loop, "dev_metrics", dev_metrics)
    state = new_state(*network_configs(params), config=config)
    dev = DevSet(batches=[], samples=[torch.zeros(1, 3, 32, 32)])
    results = list(fit(state, _NoBatches(), config, dev=dev))
    assert all(isinstance(result, EpochResult) for result in results)
    return [result for result in results if isinstance(result, EpochResult)], state


def test_a_first_epoch_without_a_score_is_replaced_by_a_later_one(
    small_params: Params, config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, state = _scored(monkeypatch, small_params, config, 0.5, NAN, 0.4, INF, 0.45)
    assert [result.is_best for result in results] == [False, False, True, False, False]
    assert (kept(state.best, config).epoch, kept(state.best, config).dev["dev/l1"]) == (2, 0.4)


def test_a_training_without_any_score_ends_with_one_clear_message(
    small_params: Params, config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, state = _scored(monkeypatch, small_params, config, 0.5, NAN, NAN, NAN, NAN)
    assert (len(results), results[-1].is_last, state.best) == (5, True, None)
    with pytest.raises(ValueError, match=r"dev L1 was not finite in any epoch.*learning_rate"):
        kept(state.best, config)
