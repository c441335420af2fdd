"""Temporary folders in which files are written before they are moved to their destination.

The process that makes such a folder locks it, and the lock ends with that process, however it ends.
So a folder without a lock was left by a process that was killed, and `sweep` removes it.
"""

import fcntl
import os
import shutil
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

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
            # A `sweep` of another process may remove the folder before it is locked.
            with suppress(FileNotFoundError, BlockingIOError):
                lock = _lock(folder)
                if lock is None:
                    return folder
                if folder.exists():
                    _locked[folder] = lock
                    return folder
                os.close(lock)


def sweep(parent: Path) -> None:
    """Remove the folders in `parent` that were left by processes which have ended."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # in use, of another user, or already removed
            lock = _lock(folder)
            if lock is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)


def _lock(folder: Path) -> int | None:
    """Lock a folder. Returns a file descriptor, or None if the file system has no locks.

    Without locks nothing is ever swept. Raises BlockingIOError if the folder is locked already.
    """
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise
    except OSError:
        os.close(lock)
        return None
    return lock


def _release_removed() -> None:
    """Release the locks of folders that have been removed."""
    for folder in [folder for folder in _locked if not folder.exists()]:
        os.close(_locked.pop(folder))
