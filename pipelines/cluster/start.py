"""Start Ray on this machine, also if the machine is busy, and end it only after the training."""

import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import ray

from pipelines.processes.tree import kill, own_descendants

_TRIES = 3  # Ray's own time limits for its servers are short for a busy machine
_KEPT_FROM_RAY = {signal.SIGTERM, signal.SIGHUP}  # and SIGINT, which Ray itself keeps from them
_LOOK_S = 0.2
_SHORT_LOOK_S = 0.02

logger = logging.getLogger(__name__)


def start_ray() -> None:
    """Start Ray on this machine; if it does not start, try twice more.

    Raises ConnectionError with Ray's own reason if it does not start then.
    """
    before = own_descendants()
    for number in range(1, _TRIES + 1):
        try:
            with _signals_kept_from_children():
                # Neither the dashboard nor its port is needed.
                ray.init(
                    include_dashboard=False, log_to_driver=False, logging_level=logging.WARNING
                )
        except Exception as error:
            if not _is_failed_start(error):
                raise
            ray.shutdown()
            kill(own_descendants() - before)  # else they would run until this process ends
            reason = f"Ray did not start on this machine (try {number} of {_TRIES}): {error}"
            if number == _TRIES:
                raise ConnectionError(
                    f"{reason}\nIf the machine is busy or short of memory, try again when it is "
                    "less so; Ray's own logs are in /tmp/ray/session_latest/logs"
                ) from error
            logger.warning("%s", reason)
        else:
            servers = own_descendants() - before
            threading.Thread(target=_end_when_asked, args=(servers,), daemon=True).start()
            return


@contextmanager
def own_handler() -> Iterator[None]:
    """Keep our handler of SIGTERM, which `ray.init` replaces by one that exits with code 15."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():  # Ray sets it there alone
            signal.signal(signal.SIGTERM, before)


def _is_failed_start(error: Exception) -> bool:
    """Whether Ray raises such an error if one of its servers starts too late."""
    known = (RuntimeError, OSError, subprocess.SubprocessError, ray.exceptions.RayError)
    return type(error) is Exception or isinstance(error, known)


@contextmanager
def _signals_kept_from_children() -> Iterator[None]:
    """Processes that are started meanwhile, and theirs, do not receive SIGTERM and SIGHUP.

    `timeout`, systemd and Slurm send SIGTERM to every process at once, and a closed terminal sends
    SIGHUP to all of its own. Ray's servers and workers would end before the training has saved. A
    new process inherits which signals are blocked, whatever group or session it is in. Ray's
    servers end with this process all the same: it kills them, and Linux does if it cannot.
    Elsewhere Ray needs SIGTERM for that, so there it keeps it.
    """
    if sys.platform != "linux":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _KEPT_FROM_RAY)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_when_asked(servers: set[psutil.Process]) -> None:
    """Kill Ray's servers one by one when `ray.shutdown` asks them to end.

    `ray.shutdown` sends SIGTERM, which is blocked in the servers, and would wait a second for each
    of them before it kills it.
    """
    while ray.is_initialized():
        time.sleep(_LOOK_S)
    while servers:
        servers = {server for server in servers if server.is_running()}
        kill({server for server in servers if _is_asked_to_end(server.pid)})
        time.sleep(_SHORT_LOOK_S)


def _is_asked_to_end(pid: int) -> bool:
    """Whether SIGTERM was sent to a process that blocks it. Always false except on Linux."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return False
    waiting = next(line for line in lines if line.startswith("ShdPnd:"))
    return bool(int(waiting.split()[1], 16) >> (signal.SIGTERM - 1) & 1)
