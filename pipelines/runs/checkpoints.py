"""The checkpoints of a running training: written atomically, checked when read, a few kept.

Ray Train uploads them in the background and restarts workers. This module decides, from the names
of the files alone, which checkpoints are kept and from which one a training continues. Ray's own
record of its checkpoints is a single file, which is overwritten and names only the latest one. If a
process were killed during that write, or that checkpoint were damaged, nothing could be continued.
"""

import hashlib
import logging
import re
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Self

from pipelines.runs.folder import Folder
from pix2pix.errors import StorageError, UserError
from pix2pix.training_checkpoint import load_training

_NUM_LATEST = 2  # the latest, and the one before, in case the latest is damaged
_DIGEST_CHARACTERS = 16
_NAME = re.compile(r"step_(\d{9})(?:_epoch_(\d{4,}))?_([0-9a-f]{16})\.pt")

# By path, the size and change time of the checkpoints that this process knows to be undamaged.
_UNDAMAGED: dict[str, tuple[int, int]] = {}

logger = logging.getLogger(__name__)


class CheckpointName(NamedTuple):
    """The name of a checkpoint's file, in its parts."""

    step: int
    epoch: int | None  # None if it was made within an epoch
    digest: str  # of its content

    def __str__(self) -> str:
        epoch = "" if self.epoch is None else f"_epoch_{self.epoch:04d}"
        return f"step_{self.step:09d}{epoch}_{self.digest}.pt"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Parse the name of a file. Returns None if it is not the name of a checkpoint."""
        match = _NAME.fullmatch(text)
        if match is None:
            return None
        epoch = None if match[2] is None else int(match[2])
        return cls(int(match[1]), epoch, match[3])


def checkpoints(folder: Folder) -> list[CheckpointName]:
    """Return the checkpoints in a folder, newest first."""
    names = (CheckpointName.parse(name) for name in folder.names())
    return sorted((name for name in names if name is not None), reverse=True, key=_sort_key)


def write_checkpoint(folder: Folder, file: Path, *, step: int, epoch: int | None) -> None:
    """Move a file that `save_training` wrote into the folder. Raises StorageError."""
    with file.open("rb") as opened:
        name = CheckpointName(step, epoch, _digest(hashlib.file_digest(opened, "sha256")))
    try:
        folder.adopt(file, str(name))
        _UNDAMAGED[str(folder / str(name))] = folder.size_and_change_time(str(name))
    except OSError as error:
        raise storage_failure(folder / str(name), error) from error


def storage_failure(path: Folder, error: Exception) -> StorageError:
    """Return an error that names the checkpoint that could not be written, and the remedy."""
    return StorageError(
        f"the checkpoint {path} could not be written: {error}\nEarlier checkpoints are unchanged. "
        "Make room or repair the storage; then the same command continues"
    )


def newest_checkpoint(folder: Folder) -> tuple[CheckpointName, dict[str, Any]] | None:
    """Return the newest checkpoint that can be read, and its state; None if there is none.

    A warning names each newer one that is damaged. Raises OSError if the storage fails.
    """
    for name in checkpoints(folder):
        try:
            return name, read_checkpoint(folder, name)
        except UserError as error:
            logger.warning("%s; an earlier checkpoint is tried", error)
    return None


def read_checkpoint(folder: Folder, name: CheckpointName) -> dict[str, Any]:
    """Return a checkpoint's state. Raises UserError naming the file if it is damaged."""
    path = str(folder / str(name))
    data = folder.read(str(name))
    digest = _digest(hashlib.sha256(data))
    if digest != name.digest:
        raise UserError(f"{path} is damaged: its SHA-256 begins {digest}, not {name.digest}")
    return load_training(data, name=path)


def prune(folder: Folder, dev_l1: Mapping[int, float], *, keep_best: int) -> None:
    """Remove all but the latest two checkpoints and the `keep_best` with the lowest dev L1.

    `dev_l1` has the dev L1 of each epoch that may be kept. A damaged checkpoint is not counted and
    is removed, unless there is no undamaged one. Raises OSError if the storage fails.
    """
    names = checkpoints(folder)
    latest = _first_undamaged(folder, names, at_most=_NUM_LATEST)
    if not latest:
        return
    best = best_checkpoints(folder, dev_l1, at_most=keep_best)
    for name in names:
        if name not in latest and name not in best:
            folder.remove(str(name))
            _UNDAMAGED.pop(str(folder / str(name)), None)


def best_checkpoints(
    folder: Folder, dev_l1: Mapping[int, float], *, at_most: int
) -> list[CheckpointName]:
    """Return the undamaged checkpoints with the lowest dev L1, lowest first."""
    names = checkpoints(folder)
    scored = [(l1, name) for name in names if (l1 := dev_l1.get(name.epoch or 0)) is not None]
    return _first_undamaged(folder, [name for _, name in sorted(scored)], at_most=at_most)


def _first_undamaged(
    folder: Folder, names: Iterable[CheckpointName], *, at_most: int
) -> list[CheckpointName]:
    """Return the first checkpoints of `names` that are undamaged."""
    return list(islice((name for name in names if is_undamaged(folder, name)), at_most))


def is_undamaged(folder: Folder, name: CheckpointName) -> bool:
    """Return whether a checkpoint is undamaged. It is read only if its file may have changed."""
    path, status = str(folder / str(name)), folder.size_and_change_time(str(name))
    if _UNDAMAGED.get(path) != status:
        if _digest(folder.sha256(str(name))) != name.digest:
            return False
        _UNDAMAGED[path] = status
    return True


def _digest(sha256: Any) -> str:
    return str(sha256.hexdigest()[:_DIGEST_CHARACTERS])


def _sort_key(name: CheckpointName) -> tuple[int, bool, str]:
    """Return a key that sorts by age: an epoch's end is newer than the last step of the epoch."""
    return name.step, name.epoch is not None, name.digest
