"""Progress and warnings of the workers, shown in the terminal in which the command was typed.

Ray's own forwarding of worker output is off, because it prints the lines of every actor and breaks
progress bars. Progress and warnings come through one small actor instead. This module does not
import torch, because the actor would take half a gigabyte of memory with it.
"""

import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple
from typing import TYPE_CHECKING, Any, NamedTuple

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from pipelines.cluster.waiting import SILENCE_S, waiting_line
from pipelines.runs.progress_line import progress_line, speed

if TYPE_CHECKING:
    from pix2pix.training import StepProgress

logger = logging.getLogger(__name__)

_POLL_S = 0.5


class _Progress(NamedTuple):
    """The fields of StepProgress."""

    epoch: int
    batch: int
    num_batches: int
    images_per_s: float
    data_wait_share: float


class _News(NamedTuple):
    progress: _Progress | None
    messages: list[tuple[int, str]]  # logging level and text


class _Mailbox:
    """The actor that passes messages to the driver, and the request to stop to the workers."""

    def __init__(self) -> None:
        self._news = _News(None, [])
        self._is_stopping = False

    def stop(self) -> None:
        self._is_stopping = True

    def progress(self, progress: _Progress) -> bool:
        self._news = _News(progress, self._news.messages)
        return self._is_stopping

    def message(self, level: int, text: str) -> None:
        self._news.messages.append((level, text))

    def take(self) -> _News:
        taken, self._news = self._news, _News(None, [])
        return taken


class WorkerConsole(logging.Handler):
    """Sends the progress that it is called with, and the warnings of a logger, to the mailbox.

    It is a handler of `logging`. Nothing here waits for the actor, or fails if the actor is gone.
    """

    def __init__(self, mailbox: Any) -> None:
        super().__init__(logging.WARNING)
        self._mailbox = mailbox
        self._sent_s = 0.0
        self._answer: Any = None  # the actor's answer to the progress; None once it was read

    def __call__(self, progress: "StepProgress") -> bool:
        """Send the progress at most twice a second. Returns whether the driver has asked to stop.

        One call does both: at hundreds of steps per second, a second call would cost too much time.
        """
        is_last = progress.batch == progress.num_batches
        if is_last or time.monotonic() - self._sent_s >= _POLL_S:
            self._sent_s = time.monotonic()
            answer = self._mailbox.progress.remote(_Progress(*astuple(progress)))
            # Wait for the older call if it has no answer yet: a slow driver may also ask to stop.
            self._answer = answer if self._answer is None else self._answer
        return self._answer is not None and self._is_answered_with_stop()

    def _is_answered_with_stop(self) -> bool:
        answered, _ = ray.wait([self._answer], timeout=0)
        if not answered:
            return False
        answer, self._answer = self._answer, None
        try:
            return bool(ray.get(answer))
        except ray.exceptions.RayError:  # the driver's machine is gone, and soon so is this worker
            return False

    def emit(self, record: logging.LogRecord) -> None:
        """Send a warning or an error."""
        self._mailbox.message.remote(record.levelno, f"worker: {self.format(record)}")

    def send_line(self, line: str) -> None:
        """Send a line of text that the driver prints."""
        self._mailbox.message.remote(logging.INFO, line)


@contextmanager
def console(num_epochs: int) -> Iterator[Any]:
    """Show progress and messages while the block runs. Yields the mailbox for the workers."""
    this_node = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    mailbox = ray.remote(num_cpus=0)(_Mailbox).options(scheduling_strategy=this_node).remote()
    done = threading.Event()
    thread = threading.Thread(target=_show, args=(mailbox, done, num_epochs), daemon=True)
    thread.start()
    try:
        yield mailbox
    finally:
        done.set()
        thread.join()


def _show(mailbox: Any, done: threading.Event, num_epochs: int) -> None:
    has_terminal = sys.stderr.isatty()
    printed_s = time.monotonic()
    with logging_redirect_tqdm(), tqdm(unit="step", disable=not has_terminal) as bar:
        is_done = has_begun = False
        while not is_done:
            is_done = done.wait(_POLL_S)
            try:
                news = ray.get(mailbox.take.remote(), timeout=10)
            except ray.exceptions.GetTimeoutError:
                continue  # a busy machine
            except ray.exceptions.RayError:
                return  # the cluster is gone; the driver reports that itself
            for level, text in news.messages:
                logger.log(level, "%s", text)
            is_due = not news.messages and time.monotonic() - printed_s >= SILENCE_S
            has_begun = has_begun or bool(news.messages) or news.progress is not None
            if news.progress is not None and has_terminal:
                _advance(bar, news.progress, num_epochs)
            elif news.progress is not None and is_due:
                logger.info("%s", _line(news.progress, num_epochs))
            elif not has_begun and is_due:
                # Ray Train waits for room without end, and says so only in its own log.
                with suppress(ray.exceptions.RayError):  # the cluster is gone, as above
                    logger.info("no worker has reported yet: %s", waiting_line())
            if news.messages or is_due:
                printed_s = time.monotonic()


def _advance(bar: Any, progress: _Progress, num_epochs: int) -> None:
    done = progress.epoch * progress.num_batches + progress.batch
    if bar.total is None:
        bar.total = num_epochs * progress.num_batches
        bar.n = bar.initial = done  # steps of an earlier process are not timed
    bar.set_description(f"epoch {progress.epoch + 1}/{num_epochs}", refresh=False)
    bar.set_postfix_str(speed(progress.images_per_s, progress.data_wait_share), refresh=False)
    bar.n = done
    bar.refresh()


def _line(progress: _Progress, num_epochs: int) -> str:
    position = progress_line(
        progress.epoch, num_epochs, batch=progress.batch, num_batches=progress.num_batches
    )
    return f"{position}, {speed(progress.images_per_s, progress.data_wait_share)}"
