"""Start Ray on this machine, also if the machine is busy, and let only the training end it."""

import errno
import logging
import os
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
from pix2pix.errors import UserError

_TRIES = 3  # Ray's own time limits for its servers are short for a busy machine
# Signals that do not reach Ray's processes. Ray itself makes them ignore SIGINT.
_KEPT_FROM_RAY = {signal.SIGTERM, signal.SIGHUP}
# Ray Train's actor that asks whether a node will be taken away: nobody can announce that of a Ray
# which this process has started and which ends with it.
_PREEMPTION_WATCHER = "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER"
_NO_PLACE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR)
_POLL_S = 0.2
_SHORT_POLL_S = 0.02

logger = logging.getLogger(__name__)


def start_ray() -> None:
    """Start Ray on this machine; if it does not start, try twice more.

    Raises ConnectionError with Ray's own reason if it does not start then, and UserError if the
    home folder cannot be written to.
    """
    os.environ.setdefault(_PREEMPTION_WATCHER, "0")
    before = own_descendants()
    for number in range(1, _TRIES + 1):
        try:
            with _signals_kept_from_children():
                # Without an address, Ray would join what `ray start` has started on this machine.
                # Neither the dashboard nor its port is needed.
                ray.init(
                    "local",
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level=logging.WARNING,
                )
        except Exception as error:
            _check_home(error)
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
def keep_sigterm_handler() -> Iterator[None]:
    """Restore the handler of SIGTERM that `ray.init` in the block replaces.

    Ray's handler would end this process with exit code 15.
    """
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():  # Ray sets it there alone
            signal.signal(signal.SIGTERM, before)


def _check_home(error: Exception) -> None:
    """Raise UserError if Ray could not make its folder in the home folder, for its token.

    So it is in containers that run as another user than their image was made for.
    """
    if not isinstance(error, OSError) or error.errno not in _NO_PLACE:
        return
    folder = Path(os.environ.get("HOME", "")) / ".ray"
    if error.filename is not None and Path(error.filename) in (folder, *folder.parents):
        raise UserError(
            f"{error.filename} cannot be made: {error.strerror}. Ray keeps a token in {folder}; "
            "set HOME to a folder that you can write to, and give the same command again"
        ) from None


def _is_failed_start(error: Exception) -> bool:
    """Return whether the error is of a kind that Ray raises if a server starts too late."""
    known = (RuntimeError, OSError, subprocess.SubprocessError, ray.exceptions.RayError)
    return type(error) is Exception or isinstance(error, known)


@contextmanager
def _signals_kept_from_children() -> Iterator[None]:
    """Block SIGTERM and SIGHUP in the processes that are started while the block runs.

    `timeout`, systemd and Slurm send SIGTERM to every process at once, and a terminal that is
    closed sends SIGHUP to all of its processes. Ray's servers and workers would end before the
    training has saved. A new process inherits which signals are blocked, also in another group or
    session. Ray's servers still end with this process: it kills them, and if it cannot, Linux does.
    On other systems Ray needs SIGTERM to end them, so nothing is blocked there.
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
    """Kill Ray's servers, and what they have started, when `ray.shutdown` asks them to end.

    `ray.shutdown` sends SIGTERM, which is blocked in the servers, and would wait a second for each
    of them before it kills it.
    """
    while ray.is_initialized():
        time.sleep(_POLL_S)
    while servers:
        servers = {server for server in servers if server.is_running()}
        for server in servers:
            if _is_asked_to_end(server.pid):
                kill([*_started_by(server), server])
        time.sleep(_SHORT_POLL_S)


def _started_by(server: psutil.Process) -> list[psutil.Process]:
    """What a server has started: a worker of Ray may hang at its end, and would stay for ever."""
    try:
        return server.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _is_asked_to_end(pid: int) -> bool:
    """Return whether SIGTERM was sent to a process that blocks it. Only Linux tells this."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return False
    waiting = next(line for line in lines if line.startswith("ShdPnd:"))
    return bool(int(waiting.split()[1], 16) >> (signal.SIGTERM - 1) & 1)
