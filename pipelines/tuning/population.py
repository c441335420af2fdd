"""A population of trials under way: parts of equal length, and exchanges of states between them."""

import logging
from collections.abc import Iterator

from pipelines.runs.checkpoints import checkpoints, is_sound
from pipelines.runs.folder import Folder
from pipelines.runs.state import CHECKPOINTS_FOLDER
from pipelines.tuning.plan import Part, begin_trial
from pipelines.tuning.sampler import Sampler
from pipelines.tuning.study_log import StudyLog, trial_folder
from pix2pix.config import Params
from pix2pix.tuning.population import Succession, successions
from pix2pix.tuning.space import total_epochs
from pix2pix.tuning.trials import Trial

logger = logging.getLogger(__name__)


def population_parts(
    log: StudyLog, sampler: Sampler, params: Params, *, study: Folder
) -> Iterator[Part | None]:
    """What is to be run next of any trial; None as long as others have to come to the same epoch.

    When all have come there, the worst take over the states of the best. Goes on with what `log`
    has, wherever that was cut off.
    """
    while len(log.trials("search")) < params.tune.num_trials:
        begin_trial(log, sampler, params)
    for end in part_ends(params):
        for trial in _under_way(log, end):
            yield Part(trial, end)
        while _under_way(log, end):
            yield None
        if end < total_epochs(params):
            for succession in successions(log.trials("search"), end, params.tune):
                _exchange(succession, end, log, study)


def num_parts(log: StudyLog, params: Params) -> int:
    """How many parts are still to be run, if no trial fails."""
    num_new = params.tune.num_trials - len(log.trials("search"))
    begun = sum(len(_under_way(log, end)) for end in part_ends(params))
    return begun + num_new * len(part_ends(params))


def part_ends(params: Params) -> list[int]:
    """The epochs with which parts end."""
    total = total_epochs(params)
    return [*range(params.tune.exchange_epochs, total, params.tune.exchange_epochs), total]


def _under_way(log: StudyLog, end: int) -> list[Trial]:
    """The trials that have not come to the end of that part."""
    trials = log.trials("search")
    return [each for each in trials if each.status == "running" and each.num_epochs < end]


def _exchange(succession: Succession, epoch: int, log: StudyLog, study: Folder) -> None:
    """Copy the state, then note it: what is cut off in between is done again.

    One that was noted, or has gone on since, as its parent may have, stays as it is; so does one
    whose parent's state is damaged.
    """
    trial = log.trial(succession.number)
    is_done = any(exchange.epoch == epoch for exchange in trial.exchanges)
    has_gone_on = max(trial.num_epochs, log.trial(succession.parent).num_epochs) > epoch
    if is_done or has_gone_on or trial.status != "running":
        return
    source = trial_folder(study, succession.parent) / CHECKPOINTS_FOLDER
    target = trial_folder(study, succession.number) / CHECKPOINTS_FOLDER
    (newest, *_) = checkpoints(source)
    if not is_sound(source, newest):
        logger.warning(
            "%s is damaged; trial %d keeps its own state", source / str(newest), succession.number
        )
        return
    data = source.read(str(newest))
    for own in checkpoints(target):
        target.remove(str(own))
    target.write(str(newest), data)
    log.exchange(succession.number, epoch=epoch, parent=succession.parent, values=succession.values)
