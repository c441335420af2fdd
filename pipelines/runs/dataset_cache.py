"""The data sets in a node's cache: copied from the storage, verified, removed when unused."""

import json
import logging
import platform
import shutil
import time
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout
from pyarrow.fs import LocalFileSystem, copy_files

from pipelines.runs.folder import Folder
from pix2pix.data.manifest import MANIFEST_NAME, load_manifest
from pix2pix.errors import UserError
from pix2pix.files import flush_all, sha256_of_file

HASHES_NAME = "files.json"  # SHA-256 by file name; written last, so a copy that has it is complete
UNUSED_S = 7 * 24 * 3600.0  # after which a data set is removed
_VERIFIED_NAME = ".verified.json"  # size and change time of the files when their hashes were right

logger = logging.getLogger(__name__)


def has_data_set(prepared_dir: Path, data_hash: str) -> bool:
    """Return whether `prepared_dir` on this machine is the data set with that hash."""
    try:
        return load_manifest(prepared_dir).data_hash == data_hash
    except (OSError, UserError):  # missing, not readable for this user, or damaged
        return False


def copy_to_cache(copy: Folder, entry: Path) -> None:
    """Copy a data set to `entry`, which appears complete when all hashes are right.

    The name of `entry` is the data set's hash; the caller has locked it. Raises UserError if the
    copy in the storage is damaged, OSError if a disk or the storage fails.
    """
    logger.info("copying the data set from %s to %s", copy, entry)
    partial = entry.with_name(f".{entry.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)  # of a process that was killed
    try:
        partial.mkdir()
        _fetch(copy, partial)
        damaged = _damaged_files(partial)
        if damaged or not has_data_set(partial, data_hash=entry.name):
            raise UserError(
                f"node {platform.node()}: the copy of the data set in {copy} is damaged "
                f"({', '.join(damaged) or MANIFEST_NAME}). Delete that folder and give the same "
                "command again: the driver makes a new copy"
            )
        _record_verified(partial)
        flush_all(partial)
        shutil.rmtree(entry, ignore_errors=True)  # damaged
        partial.rename(entry)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _fetch(copy: Folder, folder: Path) -> None:
    """Copy the list of hashes and the files in it; a file that is missing is left out."""
    (folder / HASHES_NAME).write_bytes(copy.read(HASHES_NAME))
    for name in _read_json(folder / HASHES_NAME) or ():
        if copy.has(name):
            (folder / name).parent.mkdir(exist_ok=True)
            copy_files(
                f"{copy.path}/{name}",
                str(folder / name),
                source_filesystem=copy.filesystem,
                destination_filesystem=LocalFileSystem(),
            )


def is_intact(entry: Path) -> bool:
    """Return whether the cache has the data set, unchanged since it was copied.

    The files are read only if one of them was written since their hashes were checked: reading a
    large data set takes minutes.
    """
    if not entry.exists():
        return False
    if _read_json(entry / _VERIFIED_NAME) == _sizes_and_change_times(entry):
        return True
    damaged = _damaged_files(entry)
    if damaged:
        logger.warning("%s is damaged (%s) and is copied again", entry, ", ".join(damaged))
        return False
    _record_verified(entry)
    return True


def _damaged_files(folder: Path) -> list[str]:
    """Return the files of a copied data set whose hashes differ from those in `HASHES_NAME`."""
    hashes = _read_json(folder / HASHES_NAME)
    if not hashes:
        return [HASHES_NAME]
    return [
        name
        for name, sha256 in hashes.items()
        if not (folder / name).is_file() or sha256_of_file(folder / name) != sha256
    ]


def _record_verified(folder: Path) -> None:
    (folder / _VERIFIED_NAME).write_text(
        json.dumps(_sizes_and_change_times(folder)), encoding="utf-8"
    )


def _sizes_and_change_times(folder: Path) -> dict[str, list[int]]:
    """Return size and change time (ns) of each file. Every write and every copy changes them."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != _VERIFIED_NAME]
    status = {path.relative_to(folder).as_posix(): path.stat() for path in paths}
    return {name: [each.st_size, each.st_ctime_ns] for name, each in status.items()}


def _read_json(path: Path) -> dict[str, object] | None:
    """Return the content of a JSON file; None if it is missing or damaged."""
    try:
        content: dict[str, object] = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return content


def remove_unused(cache_dir: Path) -> None:
    """Remove the data sets that no worker has asked for in the last `UNUSED_S` seconds."""
    for entry in cache_dir.iterdir():
        if entry.is_dir() and time.time() - entry.stat().st_mtime > UNUSED_S:
            with suppress(Timeout), FileLock(f"{entry}.lock", blocking=False):
                shutil.rmtree(entry)
