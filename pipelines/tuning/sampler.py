"""The next values to try, by Optuna: from what is known of the trials before, or at random."""

import logging
from collections.abc import Sequence
from typing import Any, assert_never

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState

from pix2pix.config import Choice, Dimension, LogUniform, Quantised, TuneConfig, Uniform, Value
from pix2pix.tuning.importance import rank_importance
from pix2pix.tuning.space import rounded
from pix2pix.tuning.trials import Trial, score_names, scores

_FEWEST_FOR_FOREST = 10  # finished trials; a forest of fewer says little


class Sampler:
    """Proposes values; a function of (seed, number of the trial, what the other trials gave)."""

    def __init__(self, config: TuneConfig, *, first_epoch: int) -> None:
        self._config, self._first_epoch = config, first_epoch
        optuna.logging.set_verbosity(logging.WARNING)
        self._space = {each.key: distribution(each) for each in config.space}

    def propose(self, number: int, others: Sequence[Trial]) -> dict[str, Value]:
        """Values for trial `number`, `others` being those before it."""
        study = self._study(number)
        study.add_trials([known for trial in others if (known := self._known(trial)) is not None])
        values = study.ask(fixed_distributions=self._space).params
        return {
            each.key: rounded(each, values[each.key])
            if isinstance(each, Uniform | LogUniform)
            else values[each.key]
            for each in self._config.space
        }

    def importance(self, trials: Sequence[Trial]) -> tuple[dict[str, float], str]:
        """The share of the differences in dev L1 that goes with each key, and by which measure.

        Empty where fewer than three trials finished.
        """
        found = {
            trial.number: result
            for trial in trials
            if (result := scores(trial, self._config.objective, first_epoch=self._first_epoch))
        }
        finished = [trial for trial in trials if trial.number in found]
        l1 = [found[trial.number][0] for trial in finished]
        if len(finished) < 3:
            return {}, "too few finished trials"
        if len(finished) < _FEWEST_FOR_FOREST or len(set(l1)) == 1:
            points = [trial.values for trial in finished]
            return rank_importance(points, l1), "share of rank variance, each key alone"
        study = optuna.create_study(direction="minimize")
        study.add_trials(
            [
                optuna.trial.create_trial(
                    params=dict(trial.values), distributions=self._space, value=value
                )
                for trial, value in zip(finished, l1, strict=True)
            ]
        )
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=self._config.seed)
        shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
        return {key: float(shares[key]) for key in self._space}, "fANOVA"

    def _study(self, number: int) -> optuna.Study:
        directions = ["minimize"] * len(score_names(self._config.objective))
        return optuna.create_study(directions=directions, sampler=self._sampler(number))

    def _sampler(self, number: int) -> optuna.samplers.BaseSampler:
        # A seed of its own for each trial: a study that goes on does not draw the first ones again.
        state = np.random.SeedSequence([self._config.seed, number]).generate_state(1)
        match self._config.sampler:
            case "optuna":
                return optuna.samplers.TPESampler(
                    seed=int(state[0]), n_startup_trials=self._config.num_random_trials
                )
            case "random":
                return optuna.samplers.RandomSampler(seed=int(state[0]))
            case _:
                assert_never(self._config.sampler)

    def _known(self, trial: Trial) -> optuna.trial.FrozenTrial | None:
        """The trial as Optuna knows it; one that runs or failed says nothing yet."""
        about: dict[str, Any] = {"params": dict(trial.values), "distributions": self._space}
        found = scores(trial, self._config.objective, first_epoch=self._first_epoch)
        if found is not None:
            return optuna.trial.create_trial(**about, values=list(found))
        if trial.status != "stopped":
            return None
        by_epoch = {int(record["epoch"]): record["dev/l1"] for record in trial.history}
        return optuna.trial.create_trial(
            **about, state=TrialState.PRUNED, intermediate_values=by_epoch
        )


def distribution(dimension: Dimension) -> BaseDistribution:
    """Optuna's word for a dimension."""
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
