"""Signals while something long runs: the first asks it to end well, the second ends it at once.

Other reasons to stop, such as a parent process that is gone, are handled here as well: they ask
once, and do not count as a second signal.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # SIGHUP: the terminal was closed
_LOOK_S = 0.2  # a wait without a time limit would delay the handling of signals
# `timeout` sends its signal to the command and then to its whole group, the command included, and
# wrappers pass on what the terminal has sent to all. Signals this close together count as one.
_ONCE_S = 0.5

Result = TypeVar("Result")

logger = logging.getLogger(__name__)


class Interruption:
    """The first signal that came, or another reason to stop."""

    def __init__(self, on_ask: Callable[[], None] = lambda: None) -> None:
        self._on_ask = on_ask  # called once, at the first reason to stop
        self.signal_number: int | None = None
        self.reason: str | None = None
        self._received_s = 0.0

    @property
    def is_asked(self) -> bool:
        """Whether the work is to stop."""
        return self.reason is not None

    def receive(self, number: int, _frame: FrameType | None) -> None:
        """Note the first signal; raise KeyboardInterrupt with the number of the second."""
        now_s = time.monotonic()
        if self.signal_number is None:
            self.signal_number, self._received_s = number, now_s
            self.ask(signal.Signals(number).name)
        elif now_s - self._received_s > _ONCE_S:
            raise KeyboardInterrupt(number)

    def ask(self, reason: str) -> None:
        """Ask to stop as SIGTERM does, unless that has been asked already."""
        if self.reason is None:
            self.reason = reason
            self._on_ask()


_watching_now: list[Interruption] = []  # innermost last


def ask_to_stop(reason: str) -> None:
    """Have what runs interruptibly stop, and where nothing does, end this process by SIGTERM.

    May be called in any thread.
    """
    if _watching_now:
        _watching_now[-1].ask(reason)
    else:
        logger.error("%s: stopping", reason)
        os.kill(os.getpid(), signal.SIGTERM)


def run_interruptibly(
    work: Callable[[], Result], *, stop: Callable[[], None]
) -> tuple[Result, int | None]:
    """The result of `work`, and the number of the signal that came meanwhile, if one did.

    `work` runs in a thread of its own, because it may take the main one's signals for itself.
    `stop` is called once, when a signal has come; `work` is still waited for. Another reason to
    stop counts as SIGTERM.
    """
    future: Future[Result] = Future()
    with _watching() as interruption:
        threading.Thread(target=_fulfil, args=(future, work), daemon=True).start()
        has_stopped = False
        while wait([future], timeout=_LOOK_S).not_done:
            if interruption.is_asked and not has_stopped:
                has_stopped = True
                logger.warning(
                    "%s: saving and stopping; a second one stops at once"
                    if interruption.signal_number is not None
                    else "%s: saving and stopping; a signal stops at once",
                    interruption.reason,
                )
                stop()
        number = interruption.signal_number
        if number is None and interruption.is_asked:
            number = signal.SIGTERM
        return future.result(), number


@contextmanager
def first_signal_as(number: signal.Signals) -> Iterator[Interruption]:
    """Pass the first signal, or another reason to stop, on to this process as signal `number`.

    For a block that has a way of its own to stop at that signal. Until the block has installed its
    handler, the signal raises KeyboardInterrupt. A second signal raises KeyboardInterrupt always.
    """

    def pass_on() -> None:
        logger.warning("%s: saving and stopping; a signal stops at once", interruption.reason)
        os.kill(os.getpid(), number)

    before = signal.signal(number, _raise)
    try:
        with _watching(pass_on) as interruption:
            yield interruption
    finally:
        signal.signal(number, before)


@contextmanager
def stopping_at_once() -> Iterator[None]:
    """While the block runs, each signal raises KeyboardInterrupt with its number.

    As Python does for SIGINT alone: what is open is closed, and locks are given back.
    """
    with _handling(_raise):
        yield


def _raise(number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt(number)


@contextmanager
def _watching(on_ask: Callable[[], None] = lambda: None) -> Iterator[Interruption]:
    """Receive signals while the block runs, where this thread is the one that may."""
    interruption = Interruption(on_ask)
    _watching_now.append(interruption)
    try:
        with _handling(interruption.receive):
            yield interruption
    finally:
        _watching_now.remove(interruption)


@contextmanager
def _handling(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Handle signals while the block runs, where this thread is the one that may."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    is_nohup = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    handled = [number for number in _SIGNALS if not (is_nohup and number == signal.SIGHUP)]
    before = {number: signal.signal(number, handler) for number in handled}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


def _fulfil(future: "Future[Result]", work: Callable[[], Result]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001 - the waiting thread raises it
        future.set_exception(error)
