"""A lock on a local file or folder that ends with its process, however that process ends.

Not that of the package filelock, which others use to wait for each other: this one is handed on to
child processes, may be on a folder, and its owner may remove what it has locked.
"""

import errno
import fcntl
import os
from pathlib import Path

_NO_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK}


def try_lock(path: Path) -> int | None:
    """The file, open and locked; None if another process has the lock or the folder is gone.

    The lock lasts until the file is closed, which the kernel does for a process that is killed.
    The process that has the lock may remove the file before that. Raises OSError, also if the file
    system has no locks, see `is_without_locks`.
    """
    return _try_lock(path, os.O_RDWR | os.O_CREAT)


def try_lock_folder(path: Path) -> int | None:
    """The folder itself, as `try_lock` does for a file; None also if there is no such folder."""
    return _try_lock(path, os.O_RDONLY | os.O_DIRECTORY)


def is_without_locks(error: OSError) -> bool:
    """Whether an error of the functions above says that the file system has no locks."""
    return error.errno in _NO_LOCKS


def _try_lock(path: Path, flags: int) -> int | None:
    try:
        lock = os.open(path, flags, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(lock).st_ino == path.stat().st_ino:
            return lock
    except (BlockingIOError, FileNotFoundError):
        pass  # another process has the lock, or has removed it since it was opened
    except OSError:
        os.close(lock)
        raise
    os.close(lock)
    return None
