"""A lock on a local file that ends with the process that has it, however that process ends."""

import fcntl
import os
from pathlib import Path


def try_lock(path: Path) -> int | None:
    """The file, open and locked; None if another process has the lock or the folder is gone.

    The lock lasts until the file is closed, which the kernel does for a process that is killed.
    The process that has the lock may remove the file before that. Raises OSError if the file
    system has no locks.
    """
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(lock).st_ino == path.stat().st_ino:
            return lock
    except (BlockingIOError, FileNotFoundError):
        pass  # another process has the lock, or has removed the file since it was opened
    except OSError:
        os.close(lock)
        raise
    os.close(lock)
    return None
