"""The dimensions of `tune.space`, as Optuna and as Ray Tune's population know them."""

from collections.abc import Sequence
from typing import Any, assert_never

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from ray import tune

from pix2pix.config import Choice, Dimension, LogUniform, Quantised, TuneConfig, Uniform
from pix2pix.tuning.space import grid


def optuna_space(space: Sequence[Dimension]) -> dict[str, BaseDistribution]:
    """Return Optuna's distribution of each key."""
    return {each.key: _distribution(each) for each in space}


def make_sampler(config: TuneConfig) -> BaseSampler:
    """Return the sampler that chooses the values of new trials."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # the console has a line per trial
    match config.sampler:
        case "optuna":
            return TPESampler(seed=config.seed, n_startup_trials=config.num_random_trials)
        case "random":
            return RandomSampler(seed=config.seed)
        case _:
            assert_never(config.sampler)


def tune_space(space: Sequence[Dimension]) -> dict[str, Any]:
    """Return the domains from which Ray Tune draws the first values of a population."""
    return {
        key: tune.choice(domain) if isinstance(domain, list) else domain
        for key, domain in population_space(space).items()
    }


def population_space(space: Sequence[Dimension]) -> dict[str, Any]:
    """Return what population-based training changes each key by.

    Of a list, Ray Tune takes a neighbour; a number of a range it multiplies by 0.8 or 1.2.
    """
    return {each.key: _mutation(each) for each in space}


def _mutation(dimension: Dimension) -> Any:
    match dimension:
        case Uniform():
            return tune.uniform(dimension.low, dimension.high)
        case LogUniform():
            return tune.loguniform(dimension.low, dimension.high)
        case Quantised() | Choice():
            return list(grid(dimension))
        case _:
            assert_never(dimension)


def _distribution(dimension: Dimension) -> BaseDistribution:
    match dimension:
        case Uniform():
            return FloatDistribution(dimension.low, dimension.high)
        case LogUniform():
            return FloatDistribution(dimension.low, dimension.high, log=True)
        case Quantised() if dimension.is_whole:
            low, high, step = int(dimension.low), int(dimension.high), int(dimension.step)
            return IntDistribution(low, high, step=step)
        case Quantised():
            return FloatDistribution(dimension.low, dimension.high, step=dimension.step)
        case Choice():
            return CategoricalDistribution(dimension.values)
        case _:
            assert_never(dimension)
