"""What the study notes of a trial's end, and what stops trials, without a cluster."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest
from ray.tune.schedulers import TrialScheduler

from pipelines.runs.folder import open_folder
from pipelines.tuning.plan import Part
from pipelines.tuning.search import Stop, TrialSource, make_asha
from pipelines.tuning.study_log import StudyLog
from pix2pix.config import Params
from pix2pix.tuning.trials import Trial


def _ended(folder: Path, *, epochs: int, stopped_by: str | None) -> Trial:
    """A trial that is to run for four epochs and ends after so many."""
    log = StudyLog(open_folder(str(folder)), lambda _trial: None)
    parts = iter([Part(log.begin(purpose="search", seed=0, values={}), until=4)])
    source = TrialSource(parts, log, stop=Stop(), total_epochs=4, stopped_by=stopped_by)
    source.suggest("a")
    for epoch in range(1, epochs + 1):
        log.epoch(0, {"epoch": epoch, "dev/l1": 0.5})
    source.on_trial_complete("a", {"epoch": epochs, "dev/l1": 0.5})
    return log.trial(0)


@pytest.mark.parametrize("scheduler", ["ASHA", "HYPERBAND"])
def test_who_stopped_a_trial_is_the_scheduler_that_ran(tmp_path: Path, scheduler: str) -> None:
    trial = _ended(tmp_path, epochs=2, stopped_by=scheduler)
    reason = f"{scheduler}: behind the others after epoch 2"
    assert (trial.status, trial.reason) == ("stopped", reason)


def test_where_no_scheduler_stops_trials_none_is_blamed(tmp_path: Path) -> None:
    trial = _ended(tmp_path, epochs=2, stopped_by=None)
    assert trial.status == "failed"
    assert trial.reason == "ended after epoch 2 of 4, though no scheduler stops trials"
    assert _ended(tmp_path / "other", epochs=4, stopped_by=None).status == "finished"


def _decisions(params: Params, *reported: float) -> list[str]:
    """What ASHA decides of trials that report these after their first epoch, one by one."""
    config = dataclasses.replace(
        params.tune, scheduler="asha", grace_epochs=1, reduction_factor=2.0
    )
    asha = make_asha(config, total_epochs=4, ended=[])
    decisions, controller = [], Any
    for number, l1 in enumerate(reported):
        trial: Any = type("Trial", (), {"trial_id": str(number)})
        asha.on_trial_add(controller, trial)
        decisions.append(asha.on_trial_result(controller, trial, {"epoch": 1, "dev/l1": l1}))
    return decisions


@pytest.mark.parametrize("undefined", [math.nan, math.inf])
def test_to_asha_what_is_not_finite_is_the_worst(small_params: Params, undefined: float) -> None:
    go_on, stop = TrialScheduler.CONTINUE, TrialScheduler.STOP
    assert _decisions(small_params, 0.2, 0.3, undefined) == [go_on, stop, stop]
    # And it does not spare who comes after it.
    assert _decisions(small_params, undefined, 0.2, 0.3, 0.4) == [go_on, go_on, go_on, stop]
