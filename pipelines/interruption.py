"""Signals while something long runs: the first asks it to end well, the second ends it at once."""

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LOOK_S = 0.2  # a wait without end would hold signals back

Result = TypeVar("Result")

logger = logging.getLogger(__name__)


class Interruption:
    """The first signal that came."""

    def __init__(self) -> None:
        self.signal_number: int | None = None

    def receive(self, number: int, _frame: FrameType | None) -> None:
        """Note the first; raise KeyboardInterrupt at the second."""
        if self.signal_number is not None:
            raise KeyboardInterrupt
        self.signal_number = number


def run_interruptibly(
    work: Callable[[], Result], *, stop: Callable[[], None]
) -> tuple[Result, int | None]:
    """The result of `work`, and the number of the signal that came meanwhile, if one did.

    `work` runs in a thread of its own, because it may take the main one's signals for itself.
    `stop` is called once, when a signal has come; `work` is still waited for.
    """
    future: Future[Result] = Future()
    with _watching() as interruption:
        threading.Thread(target=_fulfil, args=(future, work), daemon=True).start()
        has_stopped = False
        while wait([future], timeout=_LOOK_S).not_done:
            if interruption.signal_number is not None and not has_stopped:
                has_stopped = True
                name = signal.Signals(interruption.signal_number).name
                logger.warning("%s: saving and stopping; a second one stops at once", name)
                stop()
        return future.result(), interruption.signal_number


@contextmanager
def _watching() -> Iterator[Interruption]:
    """Receive signals while the block runs, where this thread is the one that may."""
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    before = {number: signal.signal(number, interruption.receive) for number in _SIGNALS}
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _fulfil(future: "Future[Result]", work: Callable[[], Result]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001 - the waiting thread raises it
        future.set_exception(error)
