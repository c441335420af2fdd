"""Runs a command, and ends it and all that it has started when whoever asked for it is gone.

`python -m pipelines.processes.guardian [--ask-command] [--grace-s S] [--linger-s S] COMMAND...`

The standard input is the lifeline. When it closes, because the process at its other end has closed
it or was killed, and at SIGTERM or SIGINT, the programs that the command runs are asked to end.
When the command has ended, what is left of its process tree, daemons included, is asked as well,
and killed after a time.

This module imports nothing of the project: it also runs in folders that hold other code of it.
"""

import argparse
import ctypes
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

import psutil

GRACE_S = 120.0  # a checkpoint of large networks on slow storage
LINGER_S = 10.0  # for what a command that has ended leaves behind, such as a local Ray
_LOOK_S = 0.1
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of Linux' prctl
SHELLS = {"sh", "bash", "dash", "zsh", "ksh", "fish", "csh", "tcsh", "busybox"}


def main(command_line: Sequence[str]) -> int:
    """Run the command that the command line names; return its exit code."""
    parser = argparse.ArgumentParser(prog="guardian")
    parser.add_argument(
        "--ask-command",
        action="store_true",
        help="also ask the command itself to end, when the programs that it runs have ended",
    )
    parser.add_argument(
        "--grace-s", type=float, default=GRACE_S, help="time to end for what was asked"
    )
    parser.add_argument(
        "--linger-s", type=float, default=LINGER_S, help="time for what the command leaves behind"
    )
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args(command_line)
    return guard(
        options.command,
        asks_command=options.ask_command,
        grace_s=options.grace_s,
        linger_s=options.linger_s,
    )


def guard(command: list[str], *, asks_command: bool, grace_s: float, linger_s: float) -> int:
    """Run `command` until it ends or the lifeline is cut; return its exit code as a shell does."""
    _adopt_orphans()
    received: list[int] = []  # signals that ask this process to end
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda number, _: received.append(number))
    process = psutil.Popen(command, stdin=subprocess.DEVNULL)
    while process.poll() is None:
        if _is_cut() or received:
            _ask_in_order(process, asks_command=asks_command, grace_s=grace_s)
            _wait_or_kill(process, grace_s)
    _end_the_rest(linger_s)
    code = int(process.wait())
    return 128 - code if code < 0 else code


def _adopt_orphans() -> None:
    """On Linux, become the parent of descendants whose own parents end; else they are lost."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def _is_cut() -> bool:
    """Whether the other end of the lifeline is closed. Nothing is ever written to it."""
    readable, _, _ = select.select([sys.stdin], [], [], _LOOK_S)
    return bool(readable)


def _ask_in_order(process: psutil.Process, *, asks_command: bool, grace_s: float) -> None:
    """Ask the programs that `process` runs to end, and then `process`, if that is asked at all."""
    programs = _programs(process)
    _ask_to_end(programs or [process])
    if programs and asks_command:
        psutil.wait_procs(programs, timeout=grace_s)
        _ask_to_end([process])


def _programs(process: psutil.Process) -> list[psutil.Process]:
    """The programs that `process` runs, directly or through shells.

    DVC leaves a stage alone when it is asked to end itself. Nor is the whole process group asked:
    a training needs its Ray to save.
    """
    programs: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):
        for child in process.children():
            is_shell = child.name() in SHELLS
            programs += _programs(child) or [child] if is_shell else [child]
    return programs


def _ask_to_end(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()


def _wait_or_kill(process: psutil.Popen, grace_s: float) -> None:
    _, alive = psutil.wait_procs([process], timeout=grace_s)
    for each in alive:
        each.kill()
        each.wait()


def _end_the_rest(linger_s: float) -> None:
    """Ask what still runs below this process to end, and kill what still does after `linger_s`.

    Only this process's own children are asked: they see to what they have started.
    """
    me, deadline_s = psutil.Process(), time.monotonic() + linger_s
    _ask_to_end(me.children())
    while left := me.children(recursive=True):
        wait_s = max(deadline_s - time.monotonic(), _LOOK_S)
        _, alive = psutil.wait_procs(left, timeout=min(wait_s, 1.0))
        if time.monotonic() > deadline_s:
            for process in alive:
                with suppress(psutil.NoSuchProcess):
                    process.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
