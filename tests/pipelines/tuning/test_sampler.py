"""Proposals of the next values, without Ray."""

import dataclasses
import math
from typing import Any

import pytest

from pipelines.tuning.sampler import Sampler
from pix2pix.config import Params, TuneConfig, parse_params
from pix2pix.tuning.trials import Trial

SPACE = [
    {"key": "train.learning_rate", "kind": "loguniform", "low": 1e-5, "high": 1e-1},
    {"key": "train.beta1", "kind": "uniform", "low": 0.0, "high": 0.9},
    {"key": "model.dropout", "kind": "quantised", "low": 0.0, "high": 0.5, "step": 0.25},
    {"key": "model.base_channels", "kind": "quantised", "low": 8, "high": 32, "step": 8},
    {"key": "model.norm", "kind": "choice", "values": ["batch", "none"]},
]


def _config(params: Params, **changes: Any) -> TuneConfig:
    mapping = dataclasses.asdict(params)
    mapping["tune"] |= {"space": SPACE, **changes}
    return parse_params(mapping).tune


def _sampler(params: Params, **changes: Any) -> Sampler:
    return Sampler(_config(params, **changes), first_epoch=1)


def _trial(number: int, values: Any, l1: float, **changes: Any) -> Trial:
    records = [{"epoch": epoch, "time_s": 0.0, "dev/l1": l1} for epoch in (0, 1)]
    about: dict[str, Any] = {"status": "finished", "reason": None, "history": tuple(records)}
    return Trial(
        number=number, purpose="search", seed=0, values=values, started_s=0.0, **about | changes
    )


def _searched(sampler: Sampler, num_trials: int) -> list[Trial]:
    """Trials whose dev L1 grows with the learning rate, by its decades above 1e-6."""
    trials: list[Trial] = []
    for number in range(num_trials):
        values = sampler.propose(number, trials)
        rate = values["train.learning_rate"]
        assert isinstance(rate, float)
        trials.append(_trial(number, values, math.log10(rate) + 6))
    return trials


def test_values_are_of_their_dimension(default_params: Params) -> None:
    for trial in _searched(_sampler(default_params, sampler="random"), 20):
        rate, beta, dropout, channels, norm = trial.values.values()
        assert isinstance(rate, float)
        assert isinstance(beta, float)
        assert 1e-5 <= rate <= 1e-1
        assert 0.0 <= beta <= 0.9
        assert dropout in (0.0, 0.25, 0.5)
        assert channels in (8, 16, 24, 32)
        assert isinstance(channels, int)
        assert norm in ("batch", "none")


@pytest.mark.parametrize("name", ["optuna", "random"])
def test_a_proposal_is_a_function_of_seed_number_and_trials(
    default_params: Params, name: str
) -> None:
    """A study that goes on is the study that was not interrupted."""
    trials = _searched(_sampler(default_params, sampler=name), 8)
    again = _sampler(default_params, sampler=name).propose(7, trials[:7])
    assert again == trials[7].values
    other = _sampler(default_params, sampler=name, seed=1).propose(7, trials[:7])
    assert other != again


def test_trials_that_run_or_failed_say_nothing(default_params: Params) -> None:
    sampler = _sampler(default_params)
    trials = _searched(sampler, 6)
    extra = [
        dataclasses.replace(trials[0], number=6, status="running"),
        dataclasses.replace(trials[0], number=7, status="failed"),
    ]
    assert sampler.propose(8, trials + extra) == sampler.propose(8, trials)


def test_optuna_learns_from_stopped_trials_too(default_params: Params) -> None:
    sampler = _sampler(default_params)
    trials = _searched(sampler, 4)  # a fifth is the last that it wants before it learns
    stopped = dataclasses.replace(trials[0], number=4, status="stopped")
    assert sampler.propose(5, [*trials, stopped]) != sampler.propose(5, trials)


def test_importance_says_by_which_measure(default_params: Params) -> None:
    sampler = _sampler(default_params, sampler="random")
    trials = _searched(sampler, 12)
    assert sampler.importance(trials[:2]) == ({}, "too few finished trials")
    few, measure = sampler.importance(trials[:6])
    assert measure == "share of rank variance, each key alone"
    assert max(few, key=lambda key: few[key]) == "train.learning_rate"
    many, measure = sampler.importance(trials)
    assert measure == "fANOVA"
    assert list(many) == [dimension["key"] for dimension in SPACE]
    assert sum(many.values()) == pytest.approx(1.0)
    assert max(many, key=lambda key: many[key]) == "train.learning_rate"
