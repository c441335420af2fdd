"""A pool of processes that apply one function to runs of items.

The function reaches each process once, when the process starts: it may hold the settings of the
whole data set, which would otherwise be sent with each run.
"""

import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from threading import Thread
from typing import Any

_functions: list[Callable[[Any], Any]] = []  # the function of this process, once it has started


def process_pool(function: Callable[[Any], Any], num_processes: int) -> ProcessPoolExecutor:
    """A pool in which `apply_to_each` applies `function`, which is pickled.

    The processes end with this process, however it ends.
    """
    # New processes: a fork would inherit locks that threads of this process hold, and the socket of
    # a fork server needs a short TMPDIR.
    return ProcessPoolExecutor(
        num_processes, mp_context=get_context("spawn"), initializer=_start, initargs=(function,)
    )


def apply_to_each(items: Sequence[Any]) -> list[Any]:
    """Apply the function of this process to items, in order."""
    (function,) = _functions
    return [function(item) for item in items]


def _start(function: Callable[[Any], Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that has the pool
    Thread(target=_end_with_parent, daemon=True).start()
    _functions.append(function)


def _end_with_parent() -> None:
    """End this process once its parent is gone, also where the parent was killed."""
    parent = parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
