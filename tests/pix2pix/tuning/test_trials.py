"""The scores by which trials are compared."""

import dataclasses
import math

import pytest

from pix2pix.tuning.trials import Exchange, Status, Trial, best_l1, lowest_l1, scores
from tests.support.trials import make_trial


def _trial(number: int, *l1: float, status: Status = "finished", frechet: float = 0.0) -> Trial:
    """Return a trial with these dev L1, of which the first is that of the untrained generator."""
    history = [{"epoch": epoch, "time_s": 0.0, "dev/l1": each} for epoch, each in enumerate(l1)]
    history[-1]["dev/frechet"] = frechet
    reason = "lost" if status == "failed" else None
    return make_trial(number, *history, status=status, reason=reason)


def test_the_score_of_a_trial_is_the_best_of_the_epochs_that_may_be_kept() -> None:
    trial = _trial(0, 0.05, 0.1, 0.3, 0.2)
    assert best_l1(trial, first_epoch=2) == 0.2
    assert best_l1(trial, first_epoch=1) == 0.1  # never the untrained generator
    assert best_l1(_trial(0, 0.05, 0.1), first_epoch=5) == 0.1


def test_the_untrained_generator_and_epochs_without_a_score_do_not_count() -> None:
    history = [{"epoch": 0, "dev/l1": 0.05}, {"epoch": 1}, {"epoch": 2, "dev/l1": 0.3}]
    assert lowest_l1(history, first_epoch=1) == 0.3
    assert lowest_l1(history[:2], first_epoch=1) is None


def test_only_epochs_after_the_last_exchange_count() -> None:
    """The networks of earlier epochs were replaced."""
    exchange = Exchange(epoch=2, parent=1, before={"train.beta1": 0.9})
    trial = dataclasses.replace(_trial(0, 0.5, 0.1, 0.2, 0.4, 0.3), exchanges=(exchange,))
    assert best_l1(trial, first_epoch=1) == 0.3
    assert best_l1(trial, first_epoch=4) == 0.3
    assert trial.first_values == {"train.beta1": 0.9}


def test_only_finished_trials_have_scores() -> None:
    trials = [_trial(0, 1, 0.3), _trial(1, 1, 0.1, status="stopped"), _trial(2, 1, 0.2)]
    result = [scores(trial, "l1", first_epoch=1) for trial in trials]
    assert result == [(0.3,), None, (0.2,)]


@pytest.mark.parametrize("undefined", [math.nan, math.inf])
def test_values_that_are_not_finite_are_no_scores(undefined: float) -> None:
    assert best_l1(_trial(0, 1, undefined, 0.3, undefined), first_epoch=1) == 0.3
    assert best_l1(_trial(0, 1, undefined), first_epoch=1) is None
    assert scores(_trial(0, 1, undefined), "l1", first_epoch=1) is None
    pair = _trial(0, 1, 0.1, frechet=undefined)
    assert scores(pair, "l1", first_epoch=1) == (0.1,)
    assert scores(pair, "l1_and_frechet", first_epoch=1) is None
