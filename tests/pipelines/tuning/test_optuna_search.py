"""What Optuna is told of the trials of a study."""

import dataclasses

from optuna.trial import TrialState

from pipelines.tuning.experiments import _optuna
from pipelines.tuning.optuna_search import StudySearch
from pipelines.tuning.trial import reported
from pix2pix.config import Params
from pix2pix.tuning.trials import Record


def _params(params: Params) -> Params:
    """Trials of 10 epochs, of which the last 5 count."""
    return dataclasses.replace(
        params,
        train=dataclasses.replace(
            params.train, num_epochs=20, num_decay_epochs=0, best_from_epoch=11
        ),
        tune=dataclasses.replace(params.tune, num_epochs=10, scheduler="asha", objective="l1"),
    )


def _run(search: StudySearch, name: str, l1: list[float], params: Params) -> None:
    """Report the epochs of a trial as Ray Tune does: the last one at its end only."""
    search.suggest(name)
    history: list[Record] = [{"epoch": epoch, "dev/l1": each} for epoch, each in enumerate(l1)]
    reports = [
        reported(history[: count + 1], params) | {"training_iteration": count + 1}
        for count in range(len(history))
    ]
    for report in reports[:-1]:
        search.on_trial_result(name, report)
    search.on_trial_complete(name, reports[-1])


def test_a_trial_that_asha_stopped_is_not_better_than_one_that_finished(
    default_params: Params,
) -> None:
    params = _params(default_params)
    search = _optuna(params)
    _run(search, "finished", [0.3] + [0.15] * 10, params)
    _run(search, "stopped", [0.3, 0.14, 0.13], params)  # young and blurred
    finished, stopped = search._ot_study.trials
    assert (finished.state, finished.value) == (TrialState.COMPLETE, 0.15)
    assert stopped.state == TrialState.PRUNED
    assert stopped.intermediate_values == {1: 1.0, 2: 0.14, 3: 0.13}
    assert search._ot_study.best_trial.number == finished.number


def test_a_trial_that_failed_is_told_as_failed(default_params: Params) -> None:
    search = _optuna(_params(default_params))
    search.suggest("failed")
    search.on_trial_complete("failed", error=True)
    assert search._ot_study.trials[0].state == TrialState.FAIL


def test_two_scores_reach_optuna(default_params: Params) -> None:
    params = _params(default_params)
    tune = dataclasses.replace(params.tune, scheduler="none", objective="l1_and_kid")
    params = dataclasses.replace(params, tune=tune)
    search = _optuna(params)
    search.suggest("pair")
    search.on_trial_complete(
        "pair", {**reported([{"epoch": 10, "dev/l1": 0.1}], params), "dev/kid": 2.0}
    )
    assert search._ot_study.trials[0].values == [0.1, 2.0]
