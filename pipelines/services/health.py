"""Waiting until programs are ready, and what they have written if they do not become so."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from pipelines.services.layout import log_path
from pipelines.services.supervisord import running_programs
from pipelines.tracking.uri import without_password
from pix2pix.errors import UserError

_TIMEOUT_S = 300.0  # a database is made, on a busy machine

_LOOK_S = 0.3
_NUM_LOG_LINES = 15


def wait_until_healthy(project: Path, checks: Mapping[str, Callable[[], bool]]) -> None:
    """Return when the check of every program, by its name, has once been true.

    Raises UserError if a program ends, TimeoutError if a program takes too long, with the end of
    its log.
    """
    waiting = dict(checks)
    deadline_s = time.monotonic() + _TIMEOUT_S
    while waiting:
        running = running_programs(project)
        for name, is_healthy in list(waiting.items()):
            if name not in running:
                raise UserError(f"{name} ended while it started; {_end_of_log(project, name)}")
            if is_healthy():
                del waiting[name]
            elif time.monotonic() > deadline_s:
                raise TimeoutError(
                    f"{name} is not ready after {_TIMEOUT_S:.0f} s; {_end_of_log(project, name)}"
                )
        time.sleep(_LOOK_S if waiting else 0)


def _end_of_log(project: Path, name: str) -> str:
    path = log_path(project, name)
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    last = "\n".join(f"  {without_password(line)}" for line in lines[-_NUM_LOG_LINES:])
    return f"{path} ends with:\n{last}"
