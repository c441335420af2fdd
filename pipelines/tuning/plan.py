"""Which trials a study has still to run: those that were cut off first, then new ones."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pipelines.tuning.sampler import Sampler
from pipelines.tuning.study_log import StudyLog
from pix2pix.config import Params, Value
from pix2pix.tuning.space import total_epochs
from pix2pix.tuning.trials import Purpose, Trial


class Part(NamedTuple):
    """What is to be run of a trial: up to an epoch, the last one unless it is of a population."""

    trial: Trial
    until: int


def search_parts(log: StudyLog, sampler: Sampler, params: Params) -> Iterator[Part]:
    """The trials of the search. Values are drawn when they are asked for, to know more."""
    for trial in _cut_off(log, "search"):
        yield Part(trial, total_epochs(params))
    while len(log.trials("search")) < params.tune.num_trials:
        yield Part(begin_trial(log, sampler, params), total_epochs(params))


def begin_trial(log: StudyLog, sampler: Sampler, params: Params) -> Trial:
    """A new trial of the search, with values that the sampler proposes."""
    others = log.trials("search")
    values = sampler.propose(len(others), others)
    return log.begin(purpose="search", seed=params.train.seed, values=values)


def repeat_parts(
    log: StudyLog, points: Mapping[Purpose, Mapping[str, Value]], params: Params
) -> Iterator[Part]:
    """Trainings of each point on `tune.num_seeds` seeds that no trial of the search had."""
    for trial in _cut_off(log, *points):
        yield Part(trial, total_epochs(params))
    for seed in repeat_seeds(params):
        for purpose, values in points.items():
            if all(trial.seed != seed for trial in log.trials(purpose)):
                begun = log.begin(purpose=purpose, seed=seed, values=values)
                yield Part(begun, total_epochs(params))


def repeat_seeds(params: Params) -> range:
    """The seeds after train.seed: the search has fitted its choice to that one."""
    first = params.train.seed + 1
    return range(first, first + params.tune.num_seeds)


def num_left(log: StudyLog, params: Params) -> int:
    """How many trials the search has still to run."""
    ended = [trial for trial in log.trials("search") if trial.status != "running"]
    return params.tune.num_trials - len(ended)


def _cut_off(log: StudyLog, *purposes: Purpose) -> list[Trial]:
    return [trial for trial in log.trials(*purposes) if trial.status == "running"]
