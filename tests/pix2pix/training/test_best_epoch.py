"""Which epoch is kept, and when a training stops early."""

import copy
import dataclasses
import math

import pytest
import torch

from pix2pix.config import Params
from pix2pix.training import (
    EpochResult,
    fit,
)
from pix2pix.training.selection import stops_early
from tests.support.drawn_batches import DEV, DrawnBatches, run_epochs, state_of


def test_the_best_networks_are_kept_unchanged(small_params: Params) -> None:
    state = state_of(small_params)
    copies = {}
    for result in fit(state, DrawnBatches(), small_params.train, dev=DEV):
        assert isinstance(result, EpochResult)
        copies[result.epoch] = copy.deepcopy(state.generator.state_dict())
    best = min(state.history[1:], key=lambda record: record["dev/l1"])
    assert state.best is not None
    assert state.best.epoch == best["epoch"]
    assert state.best.dev["dev/l1"] == best["dev/l1"]
    for key, value in copies[state.best.epoch].items():
        assert torch.equal(state.best.generator[key], value)


def test_the_best_epoch_is_the_one_with_the_lowest_dev_l1(small_params: Params) -> None:
    results = run_epochs(state_of(small_params), small_params.train)
    lowest = math.inf
    for result in results[1:]:
        assert result.is_best is (result.metrics["dev/l1"] < lowest)
        lowest = min(lowest, result.metrics["dev/l1"])


def test_epochs_before_the_first_that_may_be_kept_are_never_the_best(small_params: Params) -> None:
    """At this learning rate dev L1 rises, so that epoch 1 would be the best without the limit."""
    config = dataclasses.replace(small_params.train, best_from_epoch=2, learning_rate=0.5)
    results = run_epochs(state_of(small_params), config)
    assert [result.is_best for result in results][:3] == [False, False, True]


@pytest.mark.parametrize(
    ("l1", "patience", "best_from", "stops"),
    [
        ([0.1, 0.5, 0.4, 0.45, 0.41], 2, 1, True),  # the untrained 0.1 does not count
        ([0.1, 0.5, 0.4, 0.45], 2, 1, False),
        ([0.1, 0.5, 0.4, 0.45, 0.39], 2, 1, False),
        ([0.1, 0.5, 0.4, 0.45, 0.41], None, 1, False),
        ([0.1, 0.3, 0.5, 0.45, 0.44], 2, 2, False),  # epoch 1's 0.3 may not be kept
        ([0.1, 0.3, 0.5, 0.6, 0.7], 2, 2, True),
        ([0.1, 0.3, 0.5, 0.6], 1, 4, False),  # nothing that may be kept yet
        ([0.1], 1, 1, False),
    ],
)
def test_it_stops_after_so_many_epochs_without_a_better_dev_l1(
    small_params: Params, l1: list[float], patience: int | None, best_from: int, stops: bool
) -> None:
    history = [{"epoch": float(epoch), "dev/l1": value} for epoch, value in enumerate(l1)]
    config = dataclasses.replace(
        small_params.train,
        num_epochs=9,
        early_stopping_epochs=patience,
        best_from_epoch=best_from,
    )
    assert stops_early(history, config) is stops


def test_early_stopping_ends_the_run_and_marks_the_last_result(small_params: Params) -> None:
    config = dataclasses.replace(
        small_params.train, num_epochs=50, early_stopping_epochs=1, learning_rate=0.5
    )
    results = run_epochs(state_of(small_params), config)
    assert len(results) < 50
    assert [r.is_last for r in results] == [False] * (len(results) - 1) + [True]
    assert not results[-1].is_best
