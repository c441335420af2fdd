"""Tells the console and MLflow what happens to the trials, while Ray Tune runs them."""

import logging
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ray import tune

from pipelines.cluster.waiting import SILENCE_S, waiting_line
from pipelines.runs.folder import Folder
from pipelines.runs.samples import sample_names
from pipelines.runs.state import SAMPLES_FOLDER
from pipelines.tracking.description import RunDescription
from pipelines.tracking.live_study import LiveStudy
from pipelines.tracking.uri import tracking_uri
from pipelines.tuning.console import StudyConsole
from pipelines.tuning.results import (
    ended,
    failed,
    new_trial,
    trial_folder,
    trial_number,
    with_report,
)
from pix2pix.config import Params
from pix2pix.tuning.trials import Trial

logger = logging.getLogger(__name__)


class StudyFollower(tune.Callback):
    """Keeps the trials as they are now. Ray Tune saves and restores them with its own state.

    Ray Tune also pickles the callback itself, before the first trial; it holds plain values until
    then.
    """

    def __init__(self, params: Params, study: Folder, description: RunDescription) -> None:
        self._params, self._study, self._description = params, study, description
        self._trials: dict[int, Trial] = {}
        self._console = StudyConsole(params)
        self._live: LiveStudy | None = None
        self._has_begun = False  # a trial, in this process
        self._told_s: float | None = None  # when it was last said that none has

    def get_state(self) -> dict[str, Any]:
        """Return the trials so far."""
        return {"trials": self._trials}

    def set_state(self, state: dict[str, Any]) -> None:
        """Know the trials of an earlier process, of which there is nothing new to tell."""
        self._trials = state["trials"]
        self._console.remember(list(self._trials.values()))

    def on_step_end(self, *_: Any, **_info: Any) -> None:
        """Say now and then that no trial has begun; Ray Tune calls this once a second or so."""
        now_s = time.monotonic()
        if self._has_begun or self._told_s is None:
            self._told_s = now_s
        elif now_s - self._told_s >= SILENCE_S:
            logger.info("no trial has begun yet: %s", waiting_line())
            self._told_s = now_s

    def on_trial_start(self, *_: Any, **info: Any) -> None:
        """Tell of a trial that begins, or goes on."""
        self._has_begun = True
        number = trial_number(str(info["trial"]))
        if number not in self._trials:
            config = info["trial"].config
            self._tell(new_trial(number, config, self._params, started_s=time.time()))

    def on_trial_result(self, *_: Any, **info: Any) -> None:
        """Tell of an epoch."""
        self._tell(with_report(self._of(info["trial"]), info["result"], self._params))

    def on_trial_complete(self, *_: Any, **info: Any) -> None:
        """Tell of a trial that was finished or stopped early."""
        self._tell(ended(self._of(info["trial"]), self._params))

    def on_trial_error(self, *_: Any, **info: Any) -> None:
        """Tell of a trial that failed for good, also if its process could never be started."""
        self.on_trial_start(**info)
        error = Path(info["trial"].error_file).read_text(encoding="utf-8")
        self._tell(failed(self._of(info["trial"]), error))

    def on_experiment_end(self, *_: Any, **_info: Any) -> None:
        """Give MLflow some seconds to take the last news."""
        if self._live is not None:
            self._live.close()
            self._live = None

    def _of(self, trial: Any) -> Trial:
        """Return the trial as it is known; one that failed before and is tried again runs."""
        return replace(self._trials[trial_number(str(trial))], status="running", reason=None)

    def _tell(self, trial: Trial) -> None:
        self._trials[trial.number] = trial
        self._console(trial)
        if self._live is None:
            self._live = live_study(self._study, self._description)
        self._live(trial)


def live_study(study: Folder, description: RunDescription) -> LiveStudy:
    """Return what sends the trials of the study to MLflow."""
    return LiveStudy(tracking_uri(), description, grid=partial(_last_grid, study))


def _last_grid(study: Folder, trial: Trial) -> bytes | None:
    """Return the newest sample grid of a trial, as a PNG file."""
    samples = trial_folder(study, trial.purpose, trial.number) / SAMPLES_FOLDER
    names = sample_names(samples)
    return samples.read(names[max(names)]) if names else None
