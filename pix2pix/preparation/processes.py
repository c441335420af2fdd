"""A pool of processes that apply one function to runs of items.

The function reaches each process once, when the process starts: it may hold settings of the whole
data set, which would otherwise be sent with each run.
"""

import logging
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from threading import Thread
from typing import Any

_functions: list[Callable[[Any], Any]] = []  # the function of this process, once it has started


class ProcessPool(ProcessPoolExecutor):
    """Processes in which `apply_to_each` applies one function, which must be picklable.

    They end at once when the pool is shut down, whatever they do, and when this process ends,
    however it ends.
    """

    def __init__(self, function: Callable[[Any], Any], num_processes: int) -> None:
        """Start the processes as they are needed."""
        # New processes: a fork would inherit locks that threads of this process hold, and the
        # socket of a fork server needs a short TMPDIR.
        context = get_context("spawn")
        ended, self._going_on = context.Pipe(duplex=False)
        super().__init__(
            num_processes, mp_context=context, initializer=_start, initargs=(function, ended)
        )

    def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:
        """Submit a call, see `Executor.submit`."""
        # Ctrl-C is for this process: a process that starts meanwhile never receives it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return super().submit(*args, **kwargs)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes, also within a call."""
        # Without this, calls that wait in the pool's queue would all be made first, and a second
        # signal meanwhile could leave the processes waiting for ever.
        self._going_on.close()
        super().shutdown(wait, cancel_futures=cancel_futures)


def apply_to_each(items: Sequence[Any]) -> list[Any]:
    """Apply the function of this process to items, in order."""
    (function,) = _functions
    return [function(item) for item in items]


def _start(function: Callable[[Any], Any], ended: Connection) -> None:
    logging.basicConfig(format="%(levelname)s %(message)s")
    logging.captureWarnings(True)
    Thread(target=_end_with_parent, args=(ended,), daemon=True).start()
    _functions.append(function)


def _end_with_parent(ended: Connection) -> None:
    """End this process once the other end of a pipe is closed, or the parent is gone."""
    parent = parent_process()
    assert parent is not None
    wait([parent.sentinel, ended])
    os._exit(0)
