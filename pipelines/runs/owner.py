"""A run folder has one owner: a second process waits for it, and names it if that takes too long.

On a local file system the owner locks a file beside the folder. The kernel releases the lock when
the process ends, in whatever way. An object store has no locks: see `claims`.
"""

import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

from pipelines.processes.file_lock import is_without_locks, try_lock
from pipelines.processes.signals import ask_to_stop
from pipelines.runs.claims import ClaimTimes, Owner, claim, this_process
from pipelines.runs.folder import Folder
from pix2pix.errors import UserError

_PATIENCE_S = 150.0  # a process that was asked to stop may be saving
_POLL_S = 0.5

logger = logging.getLogger(__name__)


@contextmanager
def owned(folder: Folder, *, patience_s: float = _PATIENCE_S) -> Iterator[None]:
    """Own a run folder, which need not exist yet, while the block runs.

    If another process owns it, a warning names that process, and this one waits for `patience_s`.
    Raises UserError naming the owner if it has not ended by then, and OSError if the storage fails.
    If another process takes the folder over, which can happen only without locks, this process is
    asked to stop as by SIGTERM.
    """
    deadline_s = time.monotonic() + patience_s
    stop = partial(ask_to_stop, f"another process has taken over {folder}")
    claim_folder = partial(claim, folder, ClaimTimes(), on_loss=stop)
    is_first_try = True
    while True:
        with _lock(folder, claim_folder) if folder.is_local else claim_folder() as owner:
            if owner is None:
                yield
                return
        if time.monotonic() > deadline_s:
            raise UserError(
                f"{folder} is in use by {owner}. Only one process at a time can train there: wait "
                "until that one has ended, stop it, or change train.storage_path"
            )
        if is_first_try:
            is_first_try = False
            logger.warning(
                "%s is in use by %s; waiting up to %.0f s for it to end", folder, owner, patience_s
            )
        time.sleep(_POLL_S)


@contextmanager
def _lock(
    folder: Folder, claim_folder: Callable[[], AbstractContextManager[Owner | None]]
) -> Iterator[Owner | None]:
    """Lock a file beside a local folder. Yields None, or the owner if it is another process.

    Raises UserError if there can be no such folder.
    """
    path = Path(folder.path).with_name(f".{Path(folder.path).name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise UserError(
            f"{path.parent} cannot hold unfinished runs: {error.filename} is no folder; rename "
            "that, or set another train.storage_path"
        ) from None
    try:
        lock = try_lock(path)
    except OSError as error:
        if not is_without_locks(error):
            raise
        logger.warning(
            "%s: this file system has no locks (%s); claim files are used instead", path, error
        )
        path.unlink(missing_ok=True)
        with claim_folder() as owner:
            yield owner
        return
    if lock is None:
        yield _read_owner(path)
        return
    try:
        os.ftruncate(lock, 0)
        os.write(lock, json.dumps(this_process()._asdict()).encode())
        yield None
    finally:
        path.unlink(missing_ok=True)
        os.close(lock)


def _read_owner(path: Path) -> Owner:
    try:
        return Owner(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):  # the owner is writing or removing it
        return Owner.unknown()
