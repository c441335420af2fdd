"""Trees of processes of which any may end while they are looked at."""

import signal
import time
from collections.abc import Iterable

import psutil

_LOOK_S = 0.2


def is_alive(process: psutil.Process) -> bool:
    """A zombie has ended: where nothing collects orphans, one stays for ever."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def descendants(process: psutil.Process) -> set[psutil.Process]:
    """All that it started, and what those started; nothing if it has ended."""
    try:
        return set(process.children(recursive=True))
    except psutil.NoSuchProcess:
        return set()


def heads(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that were started by none of the others: they see to what they started."""
    numbers = {process.pid for process in processes}
    return [process for process in processes if _parent_pid(process) not in numbers]


def alive(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Those that have not ended."""
    return [process for process in processes if is_alive(process)]


def wait(processes: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those that are still alive after that time."""
    deadline_s = time.monotonic() + seconds
    while (left := alive(processes)) and time.monotonic() < deadline_s:
        time.sleep(_LOOK_S)
    return left


def send(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    """Send a signal to those that have not ended; never to another one of the same number."""
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def _parent_pid(process: psutil.Process) -> int | None:
    try:
        return process.ppid()
    except psutil.NoSuchProcess:
        return None
