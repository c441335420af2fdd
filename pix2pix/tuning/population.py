"""Population based training (Jaderberg et al. 2017): who goes on from whom, with what values.

All trials are compared after the same epochs, and what follows is a function of the seed, the epoch
and their scores: a study that was interrupted decides again as it had decided.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

import numpy as np

from pix2pix.config import Choice, Dimension, LogUniform, Quantised, TuneConfig, Uniform, Value
from pix2pix.tuning.space import rounded
from pix2pix.tuning.trials import Trial

_FACTORS = (0.8, 1.2)  # Jaderberg et al. 2017, sec. 4.1.1: of a number that is kept nearby
_RESAMPLED = 0.25  # the share of values that are drawn anew


@dataclass(frozen=True, kw_only=True, slots=True)
class Succession:
    """The trial `number` is to go on from the state of `parent`, with these values."""

    number: int
    parent: int
    values: Mapping[str, Value]


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """Epochs of a lineage that were trained with the same values."""

    first_epoch: int
    last_epoch: int
    number: int  # of the trial that trained them
    values: Mapping[str, Value]


def successions(trials: Sequence[Trial], epoch: int, config: TuneConfig) -> list[Succession]:
    """What each of the worst `exchange_share` of the trials does after `epoch`.

    Its parent is any of as many of the best, by dev L1 of that epoch; a trial that failed by
    then takes no part: it has left no state.
    """
    l1 = {trial.number: score for trial in trials if (score := _l1_at(trial, epoch)) is not None}
    ranked = sorted(l1, key=lambda number: (l1[number], number))
    count = min(max(1, int(config.exchange_share * len(ranked))), len(ranked) // 2)
    by_number = {trial.number: trial for trial in trials}
    found = []
    for number in sorted(ranked[len(ranked) - count :]):
        draw = np.random.default_rng([config.seed, epoch, number])
        parent = ranked[int(draw.integers(count))]
        if l1[parent] < l1[number]:
            values = _explored(by_number[parent].values, config.space, draw)
            found.append(Succession(number=number, parent=parent, values=values))
    return found


def lineage(trial: Trial, trials: Sequence[Trial]) -> list[Span]:
    """With what values the networks of a trial were trained, from their first epoch on."""
    by_number = {each.number: each for each in trials}
    return _spans(trial, by_number, until=trial.num_epochs)


def _spans(trial: Trial, by_number: Mapping[int, Trial], *, until: int) -> list[Span]:
    earlier = [exchange for exchange in trial.exchanges if exchange.epoch < until]
    later = [exchange for exchange in trial.exchanges if exchange.epoch >= until]
    values = later[0].before if later else trial.values
    start = earlier[-1].epoch if earlier else 0
    own = Span(first_epoch=start + 1, last_epoch=until, number=trial.number, values=values)
    if not earlier:
        return [own]
    return [*_spans(by_number[earlier[-1].parent], by_number, until=start), own]


def _l1_at(trial: Trial, epoch: int) -> float | None:
    """None if the trial has not come there; infinite, behind all others, if it is not finite."""
    if trial.status == "failed" and trial.num_epochs <= epoch:
        return None
    found = next((each["dev/l1"] for each in trial.history if each["epoch"] == epoch), None)
    return math.inf if found is not None and not math.isfinite(found) else found


def _explored(
    values: Mapping[str, Value], space: Sequence[Dimension], draw: np.random.Generator
) -> dict[str, Value]:
    return {
        each.key: _drawn(each, draw)
        if draw.random() < _RESAMPLED
        else _nearby(each, values[each.key], draw)
        for each in space
    }


def _drawn(dimension: Dimension, draw: np.random.Generator) -> Value:
    """Any value of the dimension."""
    match dimension:
        case Choice():
            return dimension.values[int(draw.integers(len(dimension.values)))]
        case Quantised():
            return _on_grid(dimension, int(draw.integers(_num_steps(dimension) + 1)))
        case LogUniform():
            low, high = np.log(dimension.low), np.log(dimension.high)
            return rounded(dimension, float(np.exp(draw.uniform(low, high))))
        case Uniform():
            return rounded(dimension, float(draw.uniform(dimension.low, dimension.high)))
        case _:
            assert_never(dimension)


def _nearby(dimension: Dimension, value: Value, draw: np.random.Generator) -> Value:
    """A neighbour of a number; other values have none and stay."""
    if isinstance(dimension, Choice):
        return value
    assert isinstance(value, int | float)
    is_up = bool(draw.integers(2))
    if isinstance(dimension, Quantised):
        place = round((value - dimension.low) / dimension.step) + (1 if is_up else -1)
        return _on_grid(dimension, min(max(place, 0), _num_steps(dimension)))
    return rounded(dimension, value * _FACTORS[is_up])


def _num_steps(dimension: Quantised) -> int:
    return round((dimension.high - dimension.low) / dimension.step)


def _on_grid(dimension: Quantised, place: int) -> int | float:
    value = dimension.low + place * dimension.step
    return value if dimension.is_whole else float(f"{value:.10g}")
