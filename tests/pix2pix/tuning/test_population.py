"""Who of a population goes on from whom, and with what values."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import pytest

from pix2pix.config import Params, TuneConfig, Value, parse_params
from pix2pix.tuning.population import Span, Succession, lineage, successions
from pix2pix.tuning.trials import Exchange, Trial

SPACE = (
    {"key": "train.learning_rate", "kind": "loguniform", "low": 1e-5, "high": 1e-2},
    {"key": "train.beta1", "kind": "uniform", "low": 0.0, "high": 0.9},
    {"key": "train.batch_size", "kind": "quantised", "low": 2, "high": 8, "step": 2},
    {"key": "augment.horizontal_flip", "kind": "quantised", "low": 0.0, "high": 0.5, "step": 0.1},
    {"key": "train.precision", "kind": "choice", "values": ["float32", "bfloat16"]},
)
VALUES: Mapping[str, Value] = {
    "train.learning_rate": 2e-4,
    "train.beta1": 0.5,
    "train.batch_size": 4,
    "augment.horizontal_flip": 0.3,
    "train.precision": "float32",
}


@pytest.fixture
def config(small_params: Params) -> TuneConfig:
    mapping: dict[str, Any] = dataclasses.asdict(small_params)
    population = {"scheduler": "pbt", "num_epochs": 6, "exchange_epochs": 2, "num_trials": 8}
    mapping["tune"] |= {"space": SPACE, **population, "exchange_share": 0.25}
    return parse_params(mapping).tune


def _trial(number: int, *l1: float, values: Mapping[str, Value] = VALUES) -> Trial:
    """A trial with these dev L1, the first that of the untrained generator."""
    history = [{"epoch": epoch, "time_s": 0.0, "dev/l1": each} for epoch, each in enumerate(l1)]
    return Trial(
        number=number,
        purpose="search",
        seed=0,
        values=values,
        status="running",
        reason=None,
        started_s=0.0,
        history=tuple(history),
    )


def _population(*l1_at_2: float) -> list[Trial]:
    return [_trial(number, 1.0, 0.9, l1) for number, l1 in enumerate(l1_at_2)]


def test_the_worst_go_on_from_any_of_the_best(config: TuneConfig) -> None:
    l1 = (0.5, 0.1, 0.8, 0.4, 0.2, 0.6, 0.7, 0.3)
    parents = set()
    for seed in range(20):
        found = successions(_population(*l1), 2, dataclasses.replace(config, seed=seed))
        assert [each.number for each in found] == [2, 6]
        parents |= {each.parent for each in found}
    assert parents == {1, 4}


@pytest.mark.parametrize(("count", "expected"), [(2, 1), (3, 1), (7, 1), (8, 2), (12, 3)])
def test_one_at_least_goes_on_from_another(config: TuneConfig, count: int, expected: int) -> None:
    assert len(successions(_population(*range(count)), 2, config)) == expected


def test_a_trial_that_failed_before_takes_no_part(config: TuneConfig) -> None:
    lost = dataclasses.replace(_trial(3, 1.0, 0.9, 0.05), status="failed")
    trials = [*_population(0.1, 0.2), _trial(2, 1.0, 0.9), lost]
    found = successions(trials, 2, config)
    assert [(each.number, each.parent) for each in found] == [(1, 0)]


def test_equals_have_nothing_to_give(config: TuneConfig) -> None:
    assert successions(_population(0.2, 0.2, 0.2), 2, config) == []


def test_what_has_happened_since_changes_no_decision(config: TuneConfig) -> None:
    """A study that was cut off between two exchanges decides the second again."""
    trials = _population(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
    first, second = successions(trials, 2, config)
    exchange = Exchange(epoch=2, parent=first.parent, before=VALUES)
    trials[first.number] = dataclasses.replace(
        trials[first.number], values=first.values, exchanges=(exchange,)
    )
    trials[3] = _trial(3, 1.0, 0.9, 0.4, 0.0)
    assert successions(trials, 2, config) == [first, second]


def test_values_are_nearby_or_drawn_anew_and_within_their_ranges(config: TuneConfig) -> None:
    found: list[Succession] = []
    for seed in range(400):
        found += successions(_population(0.1, 0.2), 2, dataclasses.replace(config, seed=seed))
    rates = [float(str(each.values["train.learning_rate"])) for each in found]
    nearby = [rate for rate in rates if rate in (1.6e-4, 2.4e-4)]
    assert 0.65 < len(nearby) / len(rates) < 0.85  # three of four
    assert 0.4 < nearby.count(1.6e-4) / len(nearby) < 0.6
    assert all(1e-5 <= rate <= 1e-2 for rate in rates)
    assert min(rates) < 1e-4 < 1e-3 < max(rates)
    assert {each.values["train.batch_size"] for each in found} == {2, 4, 6, 8}
    flips = {each.values["augment.horizontal_flip"] for each in found}
    assert flips == {0.0, 0.1, 0.2, 0.3, 0.4, 0.5}
    kept = [each.values["train.precision"] for each in found].count("float32")
    assert 0.8 < kept / len(found) < 0.95  # kept, or drawn and the same: 0.75 + 0.125


def test_a_value_at_the_end_of_its_range_stays_in_it(config: TuneConfig) -> None:
    ends = dict(VALUES) | {"train.learning_rate": 1e-2, "train.beta1": 0.9, "train.batch_size": 8}
    for seed in range(40):
        best, worst = _trial(0, 1.0, 0.9, 0.1, values=ends), _trial(1, 1.0, 0.9, 0.2)
        (found,) = successions([best, worst], 2, dataclasses.replace(config, seed=seed))
        assert float(str(found.values["train.learning_rate"])) <= 1e-2
        assert float(str(found.values["train.beta1"])) <= 0.9
        assert int(str(found.values["train.batch_size"])) <= 8


def test_a_lineage_names_who_trained_which_epochs_with_what_values() -> None:
    """Trial 1 goes on from 0 after epoch 4; that one had gone on from 2 after epoch 2."""
    a, b, c, d = ({"train.beta1": value} for value in (0.1, 0.2, 0.3, 0.4))
    zeros = (0.0,) * 7
    trials = [
        dataclasses.replace(
            _trial(0, *zeros, values=b), exchanges=(Exchange(epoch=2, parent=2, before=a),)
        ),
        dataclasses.replace(
            _trial(1, *zeros, values=d), exchanges=(Exchange(epoch=4, parent=0, before=a),)
        ),
        dataclasses.replace(
            _trial(2, *zeros, values=a), exchanges=(Exchange(epoch=4, parent=0, before=c),)
        ),
    ]
    assert lineage(trials[1], trials) == [
        Span(first_epoch=1, last_epoch=2, number=2, values=c),
        Span(first_epoch=3, last_epoch=4, number=0, values=b),
        Span(first_epoch=5, last_epoch=6, number=1, values=d),
    ]


def test_a_trial_without_a_finite_score_goes_on_from_a_better_one(config: TuneConfig) -> None:
    l1 = (0.5, math.nan, 0.8, 0.4, 0.2, 0.6, -math.inf, 0.3)
    found = successions(_population(*l1), 2, config)
    assert [each.number for each in found] == [1, 6]
    assert {each.parent for each in found} <= {4, 7}  # 0.2 and 0.3
