"""supervisord, the process manager that runs the three programs (supervisord.org).

It writes their logs, starts a program again that has died, and stops all of them in order.
"""

import logging
import os
import tempfile
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

import psutil
from supervisor.states import ProcessStates, SupervisorStates
from supervisor.xmlrpc import Faults, SupervisorTransport

from pipelines.processes.tree import is_alive
from pipelines.services.layout import PROGRAMS, conf_path, pid_path, socket_link
from pipelines.services.module_command import run_module
from pix2pix.errors import UserError

logger = logging.getLogger(__name__)

_LOOK_S = 0.1
_LEFT_BEHIND_S = 240.0  # a training may save first
_STARTED = (ProcessStates.STARTING, ProcessStates.RUNNING)


def new_socket_path() -> Path:
    """A path for the socket, in a new folder that only this user may enter.

    Not in the project's folder: its path may be longer than a socket's may be (about 100
    characters), and not every file system has sockets.
    """
    return Path(tempfile.mkdtemp(prefix="pix2pix-")) / "socket"


def socket_path(project: Path) -> Path | None:
    """The socket of the supervisord that was started last; None if it was shut down since."""
    link = socket_link(project)
    return Path(os.readlink(link)) if link.is_symlink() else None


def is_running(project: Path) -> bool:
    """Whether a supervisord of this folder answers that is not being shut down."""
    return bool(_state(project) == SupervisorStates.RUNNING)


def start(project: Path, *, socket_file: Path, environment: Mapping[str, str]) -> None:
    """Start supervisord in the background, which starts no program by itself yet.

    Its programs inherit `environment`. Raises UserError with supervisord's words if it fails.
    """
    socket_link(project).symlink_to(socket_file)
    done = run_module(
        "supervisor.supervisord",
        "-c",
        str(conf_path(project)),
        project=project,
        environment=environment,
    )
    if done.returncode:
        _forget(project)
        raise UserError(f"supervisord cannot start with {conf_path(project)}:\n{done.stdout}")


def start_program(project: Path, name: str) -> None:
    """Have a program started, without waiting for it. Does nothing if it runs.

    Raises UserError with supervisord's words if it cannot be started.
    """
    try:
        control(project).startProcess(name, False)
    except Fault as fault:
        if fault.faultCode != Faults.ALREADY_STARTED:
            raise UserError(f"{name} cannot be started: {fault.faultString}") from None


def running_programs(project: Path) -> list[str]:
    """The programs that run or are being started, in the order of `PROGRAMS`."""
    if not is_running(project):
        return []
    known = control(project).getAllProcessInfo()
    running = {program["name"] for program in known if program["state"] in _STARTED}
    return [name for name in PROGRAMS if name in running]


def stop_all_but(project: Path, kept: Collection[str]) -> None:
    """Stop the programs that are not in `kept`, and supervisord as well if nothing is kept."""
    if not kept:
        shut_down(project)
        return
    for name in reversed(running_programs(project)):
        if name not in kept:
            control(project).stopProcess(name)


def shut_down(project: Path) -> None:
    """Stop all programs, one after the other, and supervisord. Returns when all of it has ended.

    A `down` that was interrupted may have begun this already.
    """
    state, process = _state(project), _process(project)
    if state == SupervisorStates.RUNNING:
        control(project).shutdown()
    while state is not None and process is not None and is_alive(process):
        time.sleep(_LOOK_S)
    _forget(project)


def control(project: Path) -> Any:
    """The functions that supervisord offers to other programs (supervisord.org/api.html)."""
    url = f"unix://{socket_path(project)}"
    proxy = ServerProxy("http://localhost", transport=SupervisorTransport(serverurl=url))
    return proxy.supervisor


def _state(project: Path) -> int | None:
    """The state of the supervisord of this folder; None if there is none."""
    if socket_path(project) is None:
        return None
    try:
        return int(control(project).getState()["statecode"])
    except Fault:  # all that it answers while it ends
        return int(SupervisorStates.SHUTDOWN)
    except OSError:
        return None


def _process(project: Path) -> psutil.Process | None:
    """The process whose number supervisord has written down; None if it has ended."""
    try:
        return psutil.Process(int(pid_path(project).read_text(encoding="utf-8")))
    except (FileNotFoundError, psutil.NoSuchProcess):
        return None


def _forget(project: Path) -> None:
    """Remove what leads to the socket of a supervisord that has ended.

    If it was killed, its programs end by themselves, which is waited for. Raises TimeoutError if
    they do not.
    """
    path = socket_path(project)
    if path is None:
        return
    _wait_for_left_behind(path)
    path.unlink(missing_ok=True)
    with suppress(OSError):  # somebody else has removed it
        path.parent.rmdir()
    socket_link(project).unlink()


def _wait_for_left_behind(path: Path) -> None:
    """Return when the programs of a killed supervisord, and what they have started, have ended."""
    deadline_s = time.monotonic() + _LEFT_BEHIND_S
    has_warned = False
    while left := [process for process in psutil.process_iter() if _is_of(process, path)]:
        if not has_warned:
            logger.warning("supervisord has ended; waiting for the processes that it has started")
            has_warned = True
        if time.monotonic() > deadline_s:
            numbers = ", ".join(str(process.pid) for process in left)
            raise TimeoutError(
                f"supervisord has ended, but processes that it has started have not: {numbers}"
            )
        time.sleep(_LOOK_S)


def _is_of(process: psutil.Process, path: Path) -> bool:
    """Whether the supervisord with this socket has started the process, or a program of it has."""
    try:
        return process.environ().get("SUPERVISOR_SERVER_URL") == f"unix://{path}"
    except (psutil.Error, OSError):  # it has ended meanwhile, or is of another user
        return False
