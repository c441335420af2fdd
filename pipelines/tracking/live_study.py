"""A study's runs in MLflow while it runs, whatever happens to MLflow meanwhile."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.tracking.description import RunDescription
from pipelines.tracking.reconciler import Reconciler
from pix2pix.config import parse_params
from pix2pix.tuning.space import first_kept_epoch
from pix2pix.tuning.trials import Trial

if TYPE_CHECKING:  # importing MLflow takes seconds: its thread does so
    from pipelines.tracking.run import MlflowRun, Status, Steps

_FINISHED_S = 60.0
_UNFINISHED_S = 10.0

Grid = Callable[[Trial], bytes | None]  # the last sample grid of a trial, as a PNG file


@dataclass(frozen=True, slots=True)
class _End:
    status: "Status"
    ended_s: float
    reports: Mapping[str, Path]


class LiveStudy:
    """Makes the runs of the study and of its trials equal to what it is told, from its own thread.

    As `LiveRun`, it queues nothing: it remembers the trials as they are now, and logs what MLflow
    lacks of those that have changed since they were logged. Nothing here raises, and only `close`
    and `end` wait.
    """

    def __init__(self, uri: str, description: RunDescription, *, grid: Grid) -> None:
        """Begin a thread. `grid` returns the last sample grid of a trial that has ended."""
        self._uri, self._description, self._grid = uri, description, grid
        self._first_epoch = first_kept_epoch(parse_params(description.params))
        self._trials: dict[int, Trial] = {}
        self._logged: dict[int, Trial] = {}  # as they were when MLflow took them
        self._logged_to: str | None = None  # the run of the study at that time
        self._steps: dict[str, Steps] = {}  # of the runs of trials that go on, by run
        self._end: _End | None = None
        self._reconciler = Reconciler(
            self._reconcile,
            uri=uri,
            meanwhile="The study goes on. MLflow gets what it lacks when it answers again.",
        )

    def __call__(self, trial: Trial) -> None:
        """Have a trial logged as it is now."""
        self._trials = {**self._trials, trial.number: trial}  # the thread reads the one before
        self._reconciler.wake()

    def close(self) -> bool:
        """Wait for at most ten seconds until MLflow has all; return whether it has."""
        return self._reconciler.close(_UNFINISHED_S)

    def end(self, status: "Status", reports: Mapping[str, Path]) -> bool:
        """End the study's run, with the files of its reports.

        Waits for at most a minute; of a study that did not finish, for at most ten seconds.

        Returns whether MLflow has all of the study.
        """
        self._end = _End(status, time.time(), reports)
        return self._reconciler.close(_FINISHED_S if status == "FINISHED" else _UNFINISHED_S)

    def _reconcile(self) -> None:
        from pipelines.tracking.connection import connected
        from pipelines.tracking.study_run import open_study

        trials, end = self._trials, self._end
        with connected(self._uri) as client:
            study = open_study(client, self._description, described=self._logged_to)
            if study.run_id != self._logged_to:  # at first, and of another database later
                study.set_status("RUNNING")
                self._logged_to, self._logged = study.run_id, {}
            for trial in trials.values():
                if self._logged.get(trial.number) != trial:
                    self._log(study, trial)
                    self._logged[trial.number] = trial
            if end is not None:
                study.log_files(end.reports)
                study.set_status(end.status, ended_s=end.ended_s)

    def _log(self, study: "MlflowRun", trial: Trial) -> None:
        from pipelines.tracking.study_run import log_trial, open_trial

        run = open_trial(study, self._description, trial)
        goes_on = trial.status == "running"
        grid = None if goes_on else self._grid(trial)
        # As in `LiveRun`, points are compared with MLflow at first, after an error and at the end.
        known = self._steps.pop(run.run_id, {})
        steps = log_trial(
            run,
            trial,
            first_epoch=self._first_epoch,
            grid=grid,
            known=known if goes_on else {},
        )
        if goes_on:
            self._steps[run.run_id] = steps
