"""A study from its search to its verdict, on the connected Ray cluster."""

from collections.abc import Mapping, Sequence

from ray import tune

from pipelines.tuning.experiments import run_repeats, run_search
from pipelines.tuning.optuna_study import importance, pareto_front
from pipelines.tuning.placement import TrialPlacement
from pipelines.tuning.report import StudyResult
from pipelines.tuning.trial import TrialJob
from pix2pix.config import Params, Value
from pix2pix.tuning.seed_band import Gain, gain
from pix2pix.tuning.space import default_values, first_kept_epoch
from pix2pix.tuning.trials import Purpose, Trial, best_l1


def run_study(
    job: TrialJob, placement: TrialPlacement, callbacks: Sequence[tune.Callback] = ()
) -> StudyResult:
    """Search, then train the best and the untuned parameters on other seeds and compare them.

    Goes on where an earlier process with the same `job.study` was interrupted. Raises UserError if
    no trial finished, and InterruptionError if a signal stopped it.
    """
    params = job.params
    search = run_search(job, placement, callbacks)
    front = pareto_front(search, params)
    repeats: list[Trial] = []
    if params.tune.num_seeds:
        points: dict[Purpose, Mapping[str, Value]] = {
            "default": default_values(params),
            "winner": front[0].values,
        }
        repeats = run_repeats(job, points, placement, callbacks)
    return StudyResult(
        search=search,
        repeats=repeats,
        front=front,
        gain=_gain(repeats, params) if repeats else None,
        importance=importance(search, params),
    )


def _gain(repeats: Sequence[Trial], params: Params) -> Gain | None:
    """Return the gain of the best parameters over the untuned ones; None if a repeat failed."""
    default, winner = (
        _l1_by_seed(repeats, "default", params),
        _l1_by_seed(repeats, "winner", params),
    )
    if min(len(default), len(winner)) < params.tune.num_seeds:
        return None
    return gain(default, winner)


def _l1_by_seed(repeats: Sequence[Trial], purpose: Purpose, params: Params) -> list[float]:
    l1 = [
        best_l1(trial, first_epoch=first_kept_epoch(params))
        for trial in repeats
        if trial.purpose == purpose and trial.status == "finished"
    ]
    return [value for value in l1 if value is not None]
