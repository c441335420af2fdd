"""The finished trials as an Optuna study: the Pareto front, the importance, the pictures."""

import io
import logging
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import matplotlib as mpl
import numpy as np
import optuna
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState
from optuna.visualization import matplotlib as plots

from pipelines.tuning.search_space import optuna_space
from pix2pix.config import Objective, Params
from pix2pix.errors import UserError
from pix2pix.tuning.space import first_kept_epoch
from pix2pix.tuning.trials import Trial, score_names, scores

_FEWEST_FOR_IMPORTANCE = 3  # finished trials

logging.getLogger("matplotlib.category").setLevel(logging.WARNING)
mpl.use("agg")  # pictures go into files; no window is opened


def pareto_front(trials: Sequence[Trial], params: Params) -> list[Trial]:
    """Return the finished trials that no other trial beats in all scores, the lowest L1 first.

    With one score these are the trials with the lowest. Raises UserError if no trial finished.
    """
    study = _study(trials, params, params.tune.objective)
    if not any(trial.state == TrialState.COMPLETE for trial in study.trials):
        raise UserError(f"no trial finished: {_first_reason(trials)}")
    by_number = {trial.number: trial for trial in trials}
    best = sorted(study.best_trials, key=lambda each: (each.values, each.user_attrs["number"]))
    return [by_number[each.user_attrs["number"]] for each in best]


def importance(trials: Sequence[Trial], params: Params) -> dict[str, float]:
    """Return the share of the differences in dev L1 that each key explains (fANOVA).

    Empty if fewer than three trials finished, or all of them with the same dev L1.
    """
    study = _study(trials, params, "l1")
    values = [trial.value for trial in study.get_trials(states=[TrialState.COMPLETE])]
    if len(values) < _FEWEST_FOR_IMPORTANCE or len(set(values)) == 1:
        return {}
    evaluator = FanovaImportanceEvaluator(seed=params.tune.seed)
    shares = get_param_importances(study, evaluator=evaluator)
    return {key: float(share) for key, share in shares.items()}


def pictures(trials: Sequence[Trial], params: Params) -> dict[str, bytes]:
    """Return Optuna's plots of the study as PNG files, by name."""
    study = _study(trials, params, "l1")
    drawn: dict[str, Callable[[], Any]] = {
        "curves": partial(plots.plot_intermediate_values, study),
        "slices": partial(plots.plot_slice, study, target_name="dev L1"),
    }
    if importance(trials, params):
        evaluator = FanovaImportanceEvaluator(seed=params.tune.seed)
        drawn["importance"] = partial(
            plots.plot_param_importances, study, evaluator=evaluator, target_name="dev L1"
        )
    names = score_names(params.tune.objective)
    if len(names) > 1:
        pair = _study(trials, params, params.tune.objective)
        drawn["front"] = partial(plots.plot_pareto_front, pair, target_names=list(names))
    return {name: _png(draw) for name, draw in drawn.items()}


def _study(trials: Sequence[Trial], params: Params, objective: Objective) -> optuna.Study:
    directions = ["minimize"] * len(score_names(objective))
    study = optuna.create_study(directions=directions)
    study.add_trials([_frozen(trial, params, objective) for trial in trials])
    return study


def _frozen(trial: Trial, params: Params, objective: Objective) -> FrozenTrial:
    values = scores(trial, objective, first_epoch=first_kept_epoch(params))
    by_epoch = {int(record["epoch"]): record["dev/l1"] for record in trial.history}
    about: dict[str, Any] = {
        "params": dict(trial.values),
        "distributions": optuna_space(params.tune.space),
        "user_attrs": {"number": trial.number},
        "intermediate_values": by_epoch,
    }
    if values is not None:
        return optuna.trial.create_trial(**about, values=list(values))
    state = TrialState.PRUNED if trial.status == "stopped" else TrialState.FAIL
    return optuna.trial.create_trial(**about, state=state)


def _first_reason(trials: Sequence[Trial]) -> str:
    if any(trial.status == "finished" for trial in trials):
        return "those that came to their end have no finite score"
    return next((trial.reason for trial in trials if trial.reason), "there was none")


def _png(draw: Callable[[], Any]) -> bytes:
    data = io.BytesIO()
    with warnings.catch_warnings():
        # Plots are experimental in Optuna, and matplotlib widens an axis with a single value.
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        figure = np.ravel(draw())[0].figure
    figure.savefig(data, format="png", dpi=100, bbox_inches="tight", metadata={"Software": None})
    mpl.pyplot.close(figure)
    return data.getvalue()
