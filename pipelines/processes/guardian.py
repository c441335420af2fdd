"""Runs a command, and ends it and all that it started when whoever asked for it is gone.

`python -m pipelines.processes.guardian LINGER_S COMMAND...`: the standard input is the lifeline.
When it closes, because the process at its other end closed it or was killed, and at SIGTERM or
SIGINT, the command is asked to end well. What is left of its tree LINGER_S seconds after its end,
daemons included, is killed.
"""

import ctypes
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from types import FrameType

import psutil

GRACE_S = 120.0  # a checkpoint of large networks on slow storage
LINGER_S = 10.0  # for what a command that has ended leaves behind, such as a local Ray
_LOOK_S = 0.1
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of Linux' prctl
SHELLS = {"sh", "bash", "dash", "zsh", "ksh", "fish", "csh", "tcsh", "busybox"}


class _Asked:
    """Whether a signal asked to end."""

    def __init__(self) -> None:
        self.has_come = False

    def receive(self, _number: int, _frame: FrameType | None) -> None:
        self.has_come = True


def supervise(command: list[str], *, grace_s: float = GRACE_S, linger_s: float = LINGER_S) -> int:
    """Run `command` to its end, or to that of the lifeline; its exit code as a shell says it."""
    _adopt_orphans()
    asked = _Asked()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, asked.receive)
    process = psutil.Popen(command, stdin=subprocess.DEVNULL)
    is_wanted, deadline_s = True, float("inf")
    while process.poll() is None and time.monotonic() < deadline_s:
        if is_wanted and (_is_cut(_LOOK_S) or asked.has_come):
            is_wanted, deadline_s = False, time.monotonic() + grace_s
            _ask_to_end(process)
        elif not is_wanted:
            time.sleep(_LOOK_S)
    _kill_the_rest(0 if process.poll() is None else linger_s)
    code = int(process.wait())
    return 128 - code if code < 0 else code


def _adopt_orphans() -> None:
    """On Linux, become the parent of descendants whose own parents end; else they are lost."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def _is_cut(timeout_s: float) -> bool:
    """Whether the other end of the lifeline is closed. Nothing is ever written to it."""
    readable, _, _ = select.select([sys.stdin], [], [], timeout_s)
    return bool(readable)


def _ask_to_end(process: psutil.Process) -> None:
    """SIGTERM to the program that works: what DVC runs, not DVC, which would leave it alone.

    Nor to the whole group: a training needs its Ray to save.
    """
    workers = _programs(process) or [process]
    for worker in workers:
        with suppress(psutil.NoSuchProcess):
            worker.terminate()


def _programs(process: psutil.Process) -> list[psutil.Process]:
    """Children of `process`; of a shell, its children."""
    found: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):
        for child in process.children():
            is_shell = child.name() in SHELLS
            found += _programs(child) or [child] if is_shell else [child]
    return found


def _kill_the_rest(linger_s: float) -> None:
    """Kill what still runs below this process after `linger_s`."""
    deadline_s = time.monotonic() + linger_s
    while left := _running_descendants():
        if time.monotonic() > deadline_s:
            for process in left:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        time.sleep(_LOOK_S)


def _running_descendants() -> list[psutil.Process]:
    running = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE:
                running.append(process)
    return running


if __name__ == "__main__":
    sys.exit(supervise(sys.argv[2:], linger_s=float(sys.argv[1])))
