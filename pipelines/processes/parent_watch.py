"""A stage that DVC started ends with DVC, however DVC ends.

DVC dies of SIGTERM and SIGKILL without a word to its stage, which would go on as an orphan while
the same command starts the stage anew. Linux can send a signal to a process whose parent has
ended, but DVC starts stages through a shell, and not every shell replaces itself by its command:
the parent may be that shell, which outlives DVC. So the stage checks all its ancestors up to DVC
once a second; that also works on other systems than Linux.

A stage that is started by hand, with `nohup` for example, goes on without its parent.
"""

import os
import threading
import time

import psutil

from pipelines import STARTED_BY
from pipelines.processes.guardian import SHELLS
from pipelines.processes.signals import ask_to_stop
from pipelines.processes.tree import is_alive

_LOOK_S = 1.0


def end_with_dvc() -> None:
    """If DVC started this process, stop it as by SIGTERM when DVC is gone. Returns at once."""
    if "DVC_STAGE" in os.environ:
        threading.Thread(target=_watch, args=(_up_to_dvc(),), daemon=True).start()


def _up_to_dvc() -> list[psutil.Process]:
    """The parent, and as long as that is a shell, its parent; none if the parent has changed."""
    ancestors: list[psutil.Process] = []
    parent = psutil.Process().parent() if os.getppid() == STARTED_BY else None
    while parent is not None:
        ancestors.append(parent)
        parent = parent.parent() if _is_shell(parent) else None
    return ancestors


def _is_shell(process: psutil.Process) -> bool:
    try:
        return process.name() in SHELLS
    except psutil.Error:
        return False


def _watch(ancestors: list[psutil.Process]) -> None:
    while ancestors and all(map(is_alive, ancestors)):
        time.sleep(_LOOK_S)
    ask_to_stop("DVC, which started this stage, has ended")
