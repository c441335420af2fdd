"""Which trials a study has still to run: those that were cut off first, then new ones."""

from collections.abc import Iterator, Mapping

from pipelines.optuna_sampler import Sampler
from pipelines.study_log import StudyLog
from pix2pix.config import Params, Value
from pix2pix.tuning.trials import Purpose, Trial


def search_trials(log: StudyLog, sampler: Sampler, params: Params) -> Iterator[Trial]:
    """The trials of the search. Values are drawn when they are asked for, to know more."""
    yield from _cut_off(log, "search")
    while len(others := log.trials("search")) < params.tune.num_trials:
        values = sampler.propose(len(others), others)
        yield log.begin(purpose="search", seed=params.train.seed, values=values)


def repeat_trials(
    log: StudyLog, points: Mapping[Purpose, Mapping[str, Value]], params: Params
) -> Iterator[Trial]:
    """Trainings of each point on `tune.num_seeds` seeds that no trial of the search had."""
    for purpose in points:
        yield from _cut_off(log, purpose)
    for seed in repeat_seeds(params):
        for purpose, values in points.items():
            if all(trial.seed != seed for trial in log.trials(purpose)):
                yield log.begin(purpose=purpose, seed=seed, values=values)


def repeat_seeds(params: Params) -> range:
    """The seeds after train.seed: the search has fitted its choice to that one."""
    first = params.train.seed + 1
    return range(first, first + params.tune.num_seeds)


def num_left(log: StudyLog, params: Params) -> int:
    """How many trials the search has still to run."""
    ended = [trial for trial in log.trials("search") if trial.status != "running"]
    return params.tune.num_trials - len(ended)


def _cut_off(log: StudyLog, purpose: Purpose) -> list[Trial]:
    return [trial for trial in log.trials(purpose) if trial.status == "running"]
