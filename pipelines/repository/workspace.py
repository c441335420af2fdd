"""A checkout of its own for each run: nothing a run does touches the user's working copy.

Workspaces lie below `.workspaces`, named by what the run is a function of, and held by a lock that
vanishes with its holder's processes. A run that was cut off leaves its workspace; the next one of
the same name that finds it free goes on in it. Objects of git are linked, DVC's cache is shared.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.processes.file_lock import try_lock
from pipelines.repository.dvc_project import share_cache
from pipelines.repository.git import Revision, check_out, folder_in_repository
from pipelines.repository.params_file import override_params

WORKSPACES_DIR = Path(".workspaces")
STALE_S = 7 * 24 * 3600.0
_WINDING_UP_S = 150.0  # a stage whose caller was killed may still save
_LOOK_S = 0.5
_LOCK, _READY, _CHECKOUT, _LOGS = "lock", "ready", "checkout", "logs"


@dataclass(frozen=True, kw_only=True, slots=True)
class Workspace:
    """A checkout, with the parameters of a run in its params.yaml."""

    folder: Path
    project_dir: Path  # the checkout's folder with dvc.yaml
    lock: int  # an open file: whoever has it holds the workspace
    is_continued: bool

    @property
    def logs_dir(self) -> Path:
        """Where the output of its commands is kept."""
        return self.folder / _LOGS

    def discard(self) -> None:
        """Remove it; what it made is in DVC's cache, in git and in MLflow by then."""
        shutil.rmtree(self.folder)


@contextmanager
def workspace(
    project_dir: Path, revision: Revision, overrides: Mapping[str, Any], *, variant: str = ""
) -> Iterator[Workspace]:
    """Hold the workspace of `revision` with `overrides` to its params.yaml.

    `variant` tells runs apart that change their parameters on the way. The workspace stays, to be
    gone on with, unless it is discarded. Raises ValueError naming a parameter that is wrong or is
    not in params.yaml.
    """
    root = project_dir.resolve() / WORKSPACES_DIR
    root.mkdir(exist_ok=True)
    key = _key(revision, overrides, variant)
    number = 0
    while (lock := _take(root / f"{key}-{number}")) is None:
        number += 1
    folder = root / f"{key}-{number}"
    try:
        yield _prepared(folder, lock, project_dir, revision=revision, overrides=overrides)
    finally:
        os.close(lock)


def remove_stale(project_dir: Path, *, older_than_s: float = STALE_S) -> list[Path]:
    """Remove workspaces that nobody holds and nobody has used for so long; which these were."""
    removed = []
    for folder in sorted((project_dir / WORKSPACES_DIR).glob("*-*")):
        if time.time() - _last_used_s(folder) <= older_than_s:
            continue
        lock = _lock(folder)
        if lock is not None:
            shutil.rmtree(folder)
            os.close(lock)
            removed.append(folder)
    return removed


def _key(revision: Revision, overrides: Mapping[str, Any], variant: str) -> str:
    parts = [revision.commit, revision.tree, overrides, variant]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def _take(folder: Path) -> int | None:
    """The lock of `folder`, which is made if need be; None if a living run has it.

    A run that was killed may be winding up: that is waited for.
    """
    folder.mkdir(exist_ok=True)
    deadline_s = time.monotonic() + _WINDING_UP_S
    while (lock := _lock(folder)) is None:
        if _has_living_holder(folder) or time.monotonic() > deadline_s:
            return None
        folder.mkdir(exist_ok=True)
        time.sleep(_LOOK_S)
    (folder / _LOCK).write_text(str(os.getpid()))
    return lock


def _lock(folder: Path) -> int | None:
    """The lock of `folder` as an open file, None if another process has it or it is gone."""
    return try_lock(folder / _LOCK)


def _has_living_holder(folder: Path) -> bool:
    """Whether the process that took the lock lives; its supervisor may hold it longer."""
    try:
        os.kill(int((folder / _LOCK).read_text()), 0)
    except (FileNotFoundError, ProcessLookupError):
        return False
    except ValueError:
        return True  # it was taken this moment
    return True


def _prepared(
    folder: Path,
    lock: int,
    project_dir: Path,
    *,
    revision: Revision,
    overrides: Mapping[str, Any],
) -> Workspace:
    """The checkout in `folder`, made unless an earlier run has finished making it."""
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


def _last_used_s(folder: Path) -> float:
    """When a run last began in it."""
    ready = folder / _READY
    return (ready if ready.exists() else folder).stat().st_mtime
