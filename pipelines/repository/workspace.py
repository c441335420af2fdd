"""A checkout of its own for each run, so that a run never changes the user's working copy.

Workspaces are folders below `.workspaces`. Their names are hashes of what the result of the run
depends on. A run locks its workspace, and the lock ends with the processes of the run. A run that
was interrupted leaves its workspace, and the next run with the same hash continues in it. Objects
of git are linked, and DVC's cache is shared.
"""

import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.processes.file_lock import try_lock
from pipelines.processes.shell import Shell, stage_environment
from pipelines.repository.dvc_project import share_cache
from pipelines.repository.git import Revision, check_out, folder_in_repository
from pipelines.repository.params_file import override_params

WORKSPACES_DIR = Path(".workspaces")
_STALE_S = 7 * 24 * 3600.0
_MAX_SAVING_S = 150.0  # a stage whose caller was killed may be saving
_POLL_S = 0.5
_LOCK, _READY, _CHECKOUT, _LOGS = "lock", "ready", "checkout", "logs"
_REMOVED = ".removed."  # begins the name of a workspace that is being removed


@dataclass(frozen=True, kw_only=True, slots=True)
class Workspace:
    """A checkout, with the parameters of a run in its params.yaml."""

    folder: Path
    project_dir: Path  # the checkout's folder with dvc.yaml
    lock: int  # the descriptor of the locked file; the lock ends when all its copies are closed
    is_continued: bool

    @property
    def logs_dir(self) -> Path:
        """The folder with the output of the commands that ran in it."""
        return self.folder / _LOGS

    def shell(self, **variables: str) -> Shell:
        """Return a shell that runs the code of the checkout, with these environment variables."""
        return Shell(
            folder=self.project_dir,
            environment=stage_environment(self.project_dir) | variables,
            logs_dir=self.logs_dir,
            lifeline=(self.lock,),
        )

    def discard(self) -> None:
        """Remove it. Its results are in DVC's cache, in git and in MLflow."""
        _remove(self.folder)


@contextmanager
def workspace(
    project_dir: Path, revision: Revision, overrides: Mapping[str, Any], *, variant: str = ""
) -> Iterator[Workspace]:
    """Lock a workspace of `revision` while the block runs, with `overrides` in its params.yaml.

    `variant` distinguishes runs that change their parameters while they run. The workspace stays,
    so that a later run can continue in it, unless it is discarded. Raises UserError naming a
    parameter that is not in params.yaml.
    """
    root = project_dir.resolve() / WORKSPACES_DIR
    root.mkdir(exist_ok=True)
    key = _key(revision, overrides, variant)
    number = 0
    while (lock := _lock_or_wait(root / f"{key}-{number}")) is None:
        number += 1
    folder = root / f"{key}-{number}"
    try:
        yield _make_or_continue(folder, lock, project_dir, revision=revision, overrides=overrides)
    finally:
        os.close(lock)


def remove_stale(project_dir: Path) -> list[Path]:
    """Remove unlocked workspaces in which no run has begun for a week, and return them.

    What an interrupted removal has left is removed as well.
    """
    root, removed = project_dir / WORKSPACES_DIR, []
    for rest in root.glob(f"{_REMOVED}*"):
        shutil.rmtree(rest, ignore_errors=True)
    for folder in sorted(root.glob("*-*")):
        if not _is_stale(folder):
            continue
        lock = _lock(folder)
        if lock is not None:
            _remove(folder)
            os.close(lock)
            removed.append(folder)
    return removed


def _remove(folder: Path) -> None:
    """Remove a workspace of which this process has the lock.

    It loses its name first, all at once. Otherwise the lock could be removed before the checkout,
    and a new run would lock the folder and work in a checkout that disappears.
    """
    nameless = folder.with_name(f"{_REMOVED}{uuid.uuid4().hex}")
    folder.rename(nameless)
    # Another process may be removing it as well, in `remove_stale`, which also takes what is left.
    shutil.rmtree(nameless, ignore_errors=True)


def _is_stale(folder: Path) -> bool:
    """Return whether no run has begun in the workspace for a week, if it is there at all."""
    ready = folder / _READY
    try:
        last_used_s = (ready if ready.exists() else folder).stat().st_mtime
    except FileNotFoundError:
        return False  # another process has removed it since
    return time.time() - last_used_s > _STALE_S


def _key(revision: Revision, overrides: Mapping[str, Any], variant: str) -> str:
    parts = [revision.commit, revision.tree, overrides, variant]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def _lock_or_wait(folder: Path) -> int | None:
    """Lock `folder`, which need not exist. Returns None if a run that is not killed has the lock.

    The processes of a run that was killed may be saving; this function waits until they end.
    """
    folder.mkdir(exist_ok=True)
    deadline_s = time.monotonic() + _MAX_SAVING_S
    while (lock := _lock(folder)) is None:
        if _is_owner_running(folder) or time.monotonic() > deadline_s:
            return None
        folder.mkdir(exist_ok=True)
        time.sleep(_POLL_S)
    (folder / _LOCK).write_text(str(os.getpid()))
    return lock


def _lock(folder: Path) -> int | None:
    """Lock `folder`. Returns a descriptor; None if another process has the lock or removed it."""
    return try_lock(folder / _LOCK)


def _is_owner_running(folder: Path) -> bool:
    """Return whether the process that took the lock runs; its children may keep the lock longer."""
    try:
        os.kill(int((folder / _LOCK).read_text()), 0)
    except (FileNotFoundError, ProcessLookupError):
        return False
    except PermissionError:
        return False  # the number is now another user's, who could not have opened our lock
    except ValueError:
        return True  # the owner has not written its number yet
    return True


def _make_or_continue(
    folder: Path,
    lock: int,
    project_dir: Path,
    *,
    revision: Revision,
    overrides: Mapping[str, Any],
) -> Workspace:
    """Return the workspace in `folder`; its checkout is made unless an earlier run completed it."""
    checkout = folder / _CHECKOUT
    inside = checkout / folder_in_repository(project_dir)
    is_continued = (folder / _READY).exists()
    if is_continued:
        os.utime(folder / _READY)
    else:
        shutil.rmtree(checkout, ignore_errors=True)
        check_out(project_dir, revision, checkout)
        share_cache(project_dir, inside)
        override_params(inside, overrides)
        (folder / _READY).touch()
    return Workspace(folder=folder, project_dir=inside, lock=lock, is_continued=is_continued)
