"""Folders in which files are made before they are taken over, and what killed processes left there.

Each is locked by the process that made it, with a lock that ends with that process, however it
ends. So what nobody will finish is told from what somebody works at, whatever their age.
"""

import fcntl
import os
import shutil
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

_PREFIX = ".staging_"

_held: dict[Path, int] = {}  # open folders of this process; their locks last until they are closed
_held_lock = threading.Lock()
_swept: set[Path] = set()


def stage(parent: Path | None = None) -> Path:
    """A new, locked folder in `parent`, or in the temporary folder of this machine.

    The first call for the temporary folder removes what killed processes have left there; a
    `parent` is swept by whoever owns it.
    """
    if parent is None:
        parent = Path(tempfile.gettempdir())
        if parent not in _swept:
            _swept.add(parent)
            sweep(parent)
    with _held_lock:
        _release_removed()
        while True:
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
            with suppress(FileNotFoundError, BlockingIOError):  # being swept before it was locked
                opened = _locked(folder)
                if opened is None:
                    return folder
                if folder.exists():
                    _held[folder] = opened
                    return folder
                os.close(opened)


def sweep(place: Path) -> None:
    """Remove the folders that were staged in `place` by processes that are gone."""
    for folder in place.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # at work, of another user, or removed by another this moment
            opened = _locked(folder)
            if opened is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(opened)


def _locked(folder: Path) -> int | None:
    """The folder, open and locked; None on a file system without locks, where nothing is swept.

    Raises BlockingIOError if another process, or this one, has it locked.
    """
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(opened)
        raise
    except OSError:
        os.close(opened)
        return None
    return opened


def _release_removed() -> None:
    """Close the folders that were taken over and removed since."""
    for folder in [folder for folder in _held if not folder.exists()]:
        os.close(_held.pop(folder))
