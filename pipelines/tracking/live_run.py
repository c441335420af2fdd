"""A training's run in MLflow while it trains, whatever happens to MLflow meanwhile."""

import time
from collections.abc import Sequence
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

from pipelines.runs.folder import Folder
from pipelines.runs.history import Record
from pipelines.tracking.description import RunDescription
from pipelines.tracking.reconciler import Reconciler

if TYPE_CHECKING:  # importing MLflow takes seconds: its thread does so
    from pipelines.tracking.run import Status
    from pipelines.tracking.training_run import Held

_CLOSE_S = 10


class LiveRun:
    """Makes the run equal to the training's history and sample grids, from a thread of its own.

    A thread, because nothing here limits how long a call of MLflow takes: its client tries again
    for minutes, and database drivers and object stores below it have their own limits. Nothing here
    raises, and only `close` waits.

    Nothing is queued: the thread asks MLflow which points and grids the run has, and sends the
    others. So MLflow has each point once, whatever was sent before, by this process or another. It
    asks at first, after an error and at the end. In between it remembers what MLflow took: reading
    all points and grids at each epoch would take longer with each of them. If this process
    dies, what was not sent is logged later: by the next process that goes on with the training, or
    by `complete_run` in the stage `register`. Two processes that follow a training at the same time
    may both log a point, unless the records are equal: MLflow drops a point that is equal in value
    and time, too.
    """

    def __init__(self, uri: str, description: RunDescription, *, samples: Folder) -> None:
        """`samples` is the folder into which the training writes its sample grids."""
        self._uri, self._description, self._samples = uri, description, samples
        self._history: Sequence[Record] = ()
        self._end: tuple[Status, float] | None = None  # the status and when it was reached
        self._has_begun = self._is_interrupted = False
        self._known: Held | None = None  # what MLflow has, in a run with all of its description

    @cached_property
    def _reconciler(self) -> Reconciler:
        """Made at the first use, so that an instance can be sent to a Ray worker before."""
        return Reconciler(
            self._reconcile,
            uri=self._uri,
            meanwhile="Training goes on. MLflow gets what it lacks when it answers again, at the "
            "latest from the stage `register`.",
        )

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

    def update(self, history: Sequence[Record]) -> None:
        """Have these records logged, which are all so far, and the sample grids of their epochs."""
        self._history = tuple(history)  # the caller adds to its own
        self._reconciler.wake()

    def interrupt(self) -> None:
        """Make `close` end the run as killed."""
        self._is_interrupted = True

    def close(self, *, has_failed: bool = False) -> None:
        """End the run in MLflow, and wait at most ten seconds for what is still to be logged."""
        status: Status = "FAILED" if has_failed else "FINISHED"
        self._end = ("KILLED" if self._is_interrupted else status, time.time())
        self._reconciler.close(_CLOSE_S)

    def _reconcile(self) -> None:
        from pipelines.tracking.connection import connected
        from pipelines.tracking.training_run import (
            bring_up_to_date,
            describe,
            open_training_run,
        )

        end, history = self._end, self._history
        known = self._known if end is None else None
        self._known = None  # until this call has succeeded
        with connected(self._uri) as client:
            described = None if known is None else known.run_id
            run = open_training_run(client, self._description, described=described)
            if not self._has_begun:  # only once: the driver may have ended the run meanwhile
                run.set_status("RUNNING")
                self._has_begun = True
            held = bring_up_to_date(run, history, self._samples, known=known)
            describe(run, self._description, history, {}, grids=held.grids)
            if end is not None:
                status, ended_s = end
                run.set_status(status, ended_s=ended_s)
        self._known = held


def mark_ended(
    uri: str, description: RunDescription, *, status: Literal["FAILED", "KILLED"]
) -> None:
    """Say in MLflow how a training ended, for the driver: the worker that follows it may be gone.

    Changes nothing if MLflow does not have the run or has that status. Never raises, and takes at
    most ten seconds.
    """
    ended_s = time.time()

    def mark() -> None:
        from pipelines.tracking.connection import connected
        from pipelines.tracking.run_by_key import find_run

        with connected(uri) as client:
            run = find_run(client, description.experiment, run_key=description.run_key)
            if run is not None and run.status() != status:
                run.set_status(status, ended_s=ended_s)

    meanwhile = f"MLflow may not say that the training has ended: {status}."
    Reconciler(mark, uri=uri, meanwhile=meanwhile).close(_CLOSE_S)
