"""Trees of processes of which any may end while they are looked at."""

from collections.abc import Iterable
from contextlib import suppress

import psutil


def is_alive(process: psutil.Process) -> bool:
    """Whether it has not ended.

    A zombie has ended: where nothing collects orphans, a zombie stays for ever.
    """
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def own_descendants() -> set[psutil.Process]:
    """All processes that this process has started, and those that they have started."""
    return set(psutil.Process().children(recursive=True))


def kill(processes: Iterable[psutil.Process]) -> None:
    """Kill those that have not ended; never another process that has got the same number."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
