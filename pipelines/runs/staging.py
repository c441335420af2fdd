"""Temporary folders in which files are written before they are moved to their destination.

The process that makes such a folder locks it, and the lock ends with that process, however it ends.
So a folder without a lock was left by a process that was killed, and `sweep` removes it.
"""

import os
import shutil
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

from pipelines.processes.file_lock import is_without_locks, try_lock_folder

_PREFIX = ".staging_"

_locked: dict[Path, int] = {}  # folders of this process with the file descriptors of their locks
_locked_guard = threading.Lock()
_swept: set[Path] = set()


def stage(parent: Path | None = None) -> Path:
    """Make a new, locked folder in `parent`, or in the temporary folder of this machine.

    The first call for the temporary folder removes what killed processes have left there. For a
    `parent`, its owner calls `sweep`.
    """
    if parent is None:
        parent = Path(tempfile.gettempdir())
        if parent not in _swept:
            _swept.add(parent)
            sweep(parent)
    with _locked_guard:
        _release_removed()
        while True:
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
            try:
                lock = try_lock_folder(folder)
            except OSError as error:
                if not is_without_locks(error):
                    raise
                return folder  # nothing is ever swept there
            if lock is not None:  # else a `sweep` of another process was faster, and removed it
                _locked[folder] = lock
                return folder


def sweep(parent: Path) -> None:
    """Remove the folders in `parent` that were left by processes which have ended."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # of another user, or the file system has no locks
            lock = try_lock_folder(folder)
            if lock is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)


def _release_removed() -> None:
    """Release the locks of folders that have been removed."""
    for folder in [folder for folder in _locked if not folder.exists()]:
        os.close(_locked.pop(folder))
