"""A study from its search to its verdict, on the connected Ray cluster."""

from collections.abc import Mapping

from pipelines.tuning.driver import TrialPlacement, run_trials
from pipelines.tuning.plan import num_left, repeat_parts, search_parts
from pipelines.tuning.population import num_parts, population_parts
from pipelines.tuning.report import StudyResult
from pipelines.tuning.sampler import Sampler
from pipelines.tuning.search import make_asha
from pipelines.tuning.study_log import StudyLog
from pipelines.tuning.trial import TrialJob
from pix2pix.config import Params, Value
from pix2pix.tuning.seed_band import Gain, gain
from pix2pix.tuning.space import default_values, first_kept_epoch, total_epochs
from pix2pix.tuning.trials import Purpose, Trial, best_l1, front


def run_study(job: TrialJob, log: StudyLog, *, place: TrialPlacement) -> StudyResult:
    """Search, run the best and the untuned parameters again on other seeds, and judge.

    Goes on with what `log` has. Raises ValueError if no trial finished, and InterruptionError if a
    signal stopped it.
    """
    params = job.params
    sampler = Sampler(params.tune, first_epoch=first_kept_epoch(params))
    if num_left(log, params):
        _search(job, log, sampler, place=place)
    search = log.trials("search")
    best = front(search, params.tune.objective, first_epoch=first_kept_epoch(params))
    measured = _run_again(job, log, best[0].values, place=place) if params.tune.num_seeds else None
    importance, measure = sampler.importance(search)
    return StudyResult(
        search=search,
        repeats=log.trials("default", "winner"),
        front=best,
        gain=measured,
        importance=importance,
        importance_measure=measure,
    )


def _search(job: TrialJob, log: StudyLog, sampler: Sampler, *, place: TrialPlacement) -> None:
    params = job.params
    if params.tune.scheduler == "pbt":
        parts = population_parts(log, sampler, params, study=job.study)
        run_trials(parts, log, job, num_parts=num_parts(log, params), place=place)
        return
    ended = [trial for trial in log.trials("search") if trial.status in ("finished", "stopped")]
    asha = make_asha(params.tune, total_epochs=total_epochs(params), ended=ended)
    run_trials(
        search_parts(log, sampler, params),
        log,
        job,
        num_parts=num_left(log, params),
        place=place,
        scheduler=asha if params.tune.scheduler == "asha" else None,
    )


def _run_again(
    job: TrialJob, log: StudyLog, best: Mapping[str, Value], *, place: TrialPlacement
) -> Gain | None:
    """The gain of the best parameters over the untuned ones; None if a repetition failed."""
    points: dict[Purpose, Mapping[str, Value]] = {
        "default": default_values(job.params),
        "winner": best,
    }
    ended = [trial for trial in log.trials(*points) if trial.status != "running"]
    missing = len(points) * job.params.tune.num_seeds - len(ended)
    if missing:
        parts = repeat_parts(log, points, job.params)
        run_trials(parts, log, job, num_parts=missing, place=place)
    l1 = {purpose: _l1_by_seed(log.trials(purpose), job.params) for purpose in points}
    if min(len(found) for found in l1.values()) < job.params.tune.num_seeds:
        return None
    return gain(l1["default"], l1["winner"])


def _l1_by_seed(trials: list[Trial], params: Params) -> list[float]:
    found = [
        best_l1(trial, first_epoch=first_kept_epoch(params))
        for trial in trials
        if trial.status == "finished"
    ]
    return [l1 for l1 in found if l1 is not None]
