"""A study's runs in MLflow while it runs, whatever happens to MLflow meanwhile."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.tracking.description import RunDescription
from pipelines.tracking.outage import Outage, OutageError, outages
from pipelines.tracking.outbox import Outbox
from pipelines.tracking.report_files import files_sha256
from pipelines.tracking.uri import reach, without_password
from pix2pix.config import parse_params
from pix2pix.tuning.space import first_kept_epoch
from pix2pix.tuning.trials import Trial

_FLUSH_S = 60.0  # of a finished study
_UNFINISHED_FLUSH_S = 10.0

if TYPE_CHECKING:
    from pipelines.tracking.run import MlflowRun, Status

logger = logging.getLogger(__name__)

Grid = Callable[[Trial], bytes | None]  # the last sample grid of a trial, as a PNG file


@dataclass(frozen=True, slots=True, eq=False)
class _End:
    status: "Status"
    ended_s: float
    reports: Mapping[str, Path]


class LiveStudy:
    """Follows a study in MLflow, from a thread of its own; nothing here raises.

    What MLflow has not confirmed is kept and sent when it answers again. A trial is sent as a
    whole, of which MLflow takes what it lacks: only its latest state is worth sending.
    """

    def __init__(self, uri: str, description: RunDescription, *, grid: Grid) -> None:
        """Begin a thread. `grid` returns the last sample grid of a trial that has ended."""
        self._uri, self._description, self._grid = uri, description, grid
        self._first_epoch = first_kept_epoch(parse_params(description.params))
        self._outbox: Outbox[Trial | _End] = Outbox(
            self._send, passing=(OutageError,), tell=self._tell
        )
        self._study: MlflowRun | None = None
        self._runs: dict[int, MlflowRun] = {}
        self._said = Outage(
            uri, "The study goes on; MLflow gets it when it answers again.", log=logger
        )

    def __call__(self, trial: Trial) -> None:
        """Log a trial as it is now."""
        self._outbox.put(trial)

    def close(self) -> bool:
        """Wait for at most ten seconds until MLflow has all; return whether it has."""
        return self._close(_UNFINISHED_FLUSH_S)

    def end(self, status: "Status", reports: Mapping[str, Path]) -> bool:
        """End the study's run, with the files of its reports.

        Waits for at most a minute; of a study that did not finish, for at most ten seconds.

        Returns whether MLflow has all of the study.
        """
        self._outbox.put(_End(status, time.time(), reports))
        return self._close(_FLUSH_S if status == "FINISHED" else _UNFINISHED_FLUSH_S)

    def _close(self, timeout_s: float) -> bool:
        is_sent = self._outbox.close(timeout_s)
        if not is_sent:
            self._said.lost(ConnectionError(f"MLflow at {without_password(self._uri)} is slow"))
        return is_sent

    def _send(self, waiting: list[Trial | _End]) -> Iterator[Trial | _End]:
        with outages(has_lost_run=self._has_lost_run):
            yield from self._sent(waiting)

    def _has_lost_run(self) -> bool:
        runs = [*self._runs.values(), *([self._study] if self._study else [])]
        return any(run.is_deleted() for run in runs)

    def _sent(self, waiting: list[Trial | _End]) -> Iterator[Trial | _End]:
        from pipelines.tracking.study_run import log_reports, log_trial, open_study, open_trial

        reach(self._uri)  # else MLflow would try again for minutes
        if self._study is None:
            self._study = open_study(self._uri, self._description)
            self._study.set_status("RUNNING")
        latest = {news.number: news for news in waiting if isinstance(news, Trial)}
        for number, trial in latest.items():
            if number not in self._runs:
                self._runs[number] = open_trial(self._study, self._description, trial)
            grid = None if trial.status == "running" else self._grid(trial)
            log_trial(self._runs[number], trial, first_epoch=self._first_epoch, grid=grid)
        yield from (news for news in waiting if isinstance(news, Trial))
        for end in (news for news in waiting if isinstance(news, _End)):
            log_reports(self._study, end.reports, sha256=files_sha256(end.reports))
            self._study.set_status(end.status, ended_s=end.ended_s)
            yield end

    def _tell(self, error: Exception | None) -> None:
        if error is None:
            self._said.found()
        else:
            self._said.lost(error)
            self._study, self._runs = None, {}  # it may be another server
