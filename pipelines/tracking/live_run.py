"""A training's run in MLflow while it trains, whatever happens to MLflow meanwhile."""

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

from pipelines.tracking.description import RunDescription
from pipelines.tracking.outage import Outage, OutageError, is_explained, outages
from pipelines.tracking.outbox import Outbox
from pipelines.tracking.uri import reach, without_password

_FLUSH_S = 10
_MAX_SAMPLE_BYTES = 64 * 2**20  # waiting; more are left to `register`

if TYPE_CHECKING:
    from pipelines.tracking.run import MlflowRun, Status

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class _Epoch:
    record: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class _Sample:
    epoch: int
    time_s: float
    png: bytes


@dataclass(frozen=True, slots=True, eq=False)
class _End:
    status: "Status"
    ended_s: float


_News = _Epoch | _Sample | _End


class LiveRun:
    """Follows a training in MLflow, from a thread of its own.

    A thread, because no time-out of ours bounds what MLflow may take: it tries again for minutes,
    and below it lie database drivers and object stores with patience of their own. Nothing here
    raises, and only `close` waits. What MLflow has not confirmed is kept and sent when it answers
    again: epochs without limit, for the training keeps them in memory as well, and sample grids up
    to 64 MiB. What is lost with the process, `log_history` of the next one or `complete_run` send.

    Each point and each sample is asked for before it is sent, so that MLflow has it once, whatever
    was sent before, by this process or another. Two processes that send at the same moment, between
    the other's question and its sending, may both log a point, unless it is the same record: MLflow
    drops a point that is equal in time and value, too. Until the first epoch an instance holds
    values only, so that it can be sent to a Ray worker.
    """

    def __init__(self, uri: str, description: RunDescription) -> None:
        self.uri = uri
        self.description = description
        self._outbox: Outbox[_News] | None = None
        self._run: MlflowRun | None = None
        self._has_begun = False
        self._said = Outage(
            uri,
            "Training goes on. MLflow gets what it lacks when it answers again, at the latest from "
            "the stage `register`.",
            log=logger,
        )
        self._is_interrupted = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None and not issubclass(kind, Exception):
            self.interrupt()  # KeyboardInterrupt or SystemExit
        self.close(has_failed=kind is not None)

    def log_history(self, records: Iterable[Mapping[str, float]]) -> None:
        """Log the epochs that a continued training already has, where MLflow lacks them."""
        for record in records:
            self._put(_Epoch(dict(record)))  # the caller may go on with its own

    def log_epoch(self, record: Mapping[str, float], sample_png: bytes | None = None) -> None:
        """Log one line of the history, and the sample grid of that epoch where there is one."""
        self.log_history([record])
        if sample_png is not None and self._has_room(sample_png):
            self._put(_Sample(int(record["epoch"]), record["time_s"], sample_png))

    def interrupt(self) -> None:
        """Make `close` end the run as killed. Takes no lock: a signal handler may call it."""
        self._is_interrupted = True

    def close(self, *, has_failed: bool = False) -> None:
        """End the run in MLflow, and wait at most ten seconds for what is still to be logged."""
        ended: Status = "FAILED" if has_failed else "FINISHED"
        outbox = self._put(_End("KILLED" if self._is_interrupted else ended, time.time()))
        if not outbox.close(_FLUSH_S):
            self._said.lost(ConnectionError(f"MLflow at {without_password(self.uri)} is slow"))

    def _put(self, news: _News) -> Outbox[_News]:
        if self._outbox is None:
            self._outbox = Outbox(self._send, passing=(OutageError,), tell=self._tell)
        self._outbox.put(news)
        return self._outbox

    def _has_room(self, png: bytes) -> bool:
        waiting = self._outbox.waiting() if self._outbox else []
        held = sum(len(news.png) for news in waiting if isinstance(news, _Sample))
        return held + len(png) <= _MAX_SAMPLE_BYTES

    def _send(self, waiting: list[_News]) -> Iterator[_News]:
        with outages(has_lost_run=lambda: self._run is not None and self._run.is_deleted()):
            yield from self._sent(waiting)

    def _sent(self, waiting: list[_News]) -> Iterator[_News]:
        """Send the epochs in one go, then how it ended; pictures, which are large, come last."""
        reach(self.uri)  # else MLflow would try again for minutes
        run = self._run = self._run or self._opened()
        epochs = [news for news in waiting if isinstance(news, _Epoch)]
        run.log_records([news.record for news in epochs])
        yield from epochs
        for end in (news for news in waiting if isinstance(news, _End)):
            run.set_status(end.status, ended_s=end.ended_s)
            yield end
        for sample in (news for news in waiting if isinstance(news, _Sample)):
            run.log_sample(sample.epoch, image=sample.png, time_s=sample.time_s)
            yield sample

    def _opened(self) -> "MlflowRun":
        from pipelines.tracking.training_run import described_run

        run = described_run(self.uri, self.description)
        if not self._has_begun:  # not after each outage: the run may have ended meanwhile
            run.set_status("RUNNING")
            self._has_begun = True
        return run

    def _tell(self, error: Exception | None) -> None:
        if error is None:
            self._said.found()
        else:
            self._said.lost(error)
            self._run = None  # it may be another server, or the run may have been deleted


def mark_ended(
    uri: str, description: RunDescription, *, status: Literal["FAILED", "KILLED"]
) -> None:
    """Say in MLflow how a training ended, for the driver: the worker that follows it may be gone.

    Changes nothing if MLflow does not have the run or has that status. Never raises, and takes at
    most ten seconds.
    """
    ended_s, told = time.time(), list[Exception | None]()

    def mark() -> None:
        from pipelines.tracking.training_run import existing_run

        try:
            with outages(has_lost_run=lambda: False):
                run = existing_run(uri, description)
                if run is not None and run.status() != status:
                    run.set_status(status, ended_s=ended_s)
        except Exception as error:  # noqa: BLE001 - how the training ended counts for more
            told.append(error)
        else:
            told.append(None)

    thread = threading.Thread(target=mark, name="mlflow", daemon=True)
    thread.start()
    thread.join(_FLUSH_S)
    if not told:
        logger.warning(
            "MLflow at %s does not answer; it was not told: %s", without_password(uri), status
        )
    elif told[0] is not None:
        logger.warning(
            "MLflow at %s was not told: %s\n%s",
            without_password(uri),
            status,
            told[0],
            exc_info=None if is_explained(told[0]) else told[0],
        )
