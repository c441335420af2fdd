"""The prepared data set on the machine of a worker, which may not be the driver's machine.

A node that sees the driver's folder reads the data set there. For all other nodes the driver copies
the data set into `train.storage_path`, to `datasets/<data_hash>`, once. A node copies it from there
into a cache of its own, `<cache>/<data_hash>`, where the next training on the same data finds it.
"""

import json
import logging
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from pipelines.runs.dataset_cache import (
    HASHES_NAME,
    copy_to_cache,
    has_data_set,
    is_intact,
    remove_unused,
)
from pipelines.runs.folder import Folder, open_folder
from pix2pix.data.manifest import Manifest
from pix2pix.errors import StorageError, UserError
from pix2pix.files import NO_ROOM, sha256_of_file

DATASETS_FOLDER = "datasets"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetSource:
    """Where a worker finds the prepared data set. It is sent to the workers."""

    prepared_dir: Path  # absolute; another machine may have no such folder, or other data in it
    data_hash: str
    shared_copy: Folder | None  # None without train.storage_path


def publish_dataset(
    prepared_dir: Path, manifest: Manifest, storage_path: str | None
) -> DatasetSource:
    """Copy the data set of `prepared_dir` into the storage, unless it is there already.

    Without a storage path nothing is copied: then all workers must see `prepared_dir`. Several
    drivers may do this at once, because they write the same files, each of which appears complete.
    Raises StorageError if the storage fails.
    """
    copy = None
    if storage_path is not None:
        copy = open_folder(storage_path) / DATASETS_FOLDER / manifest.data_hash
        try:
            if not copy.has(HASHES_NAME):
                _upload(prepared_dir, copy)
        except OSError as error:
            raise StorageError(
                f"the data set could not be copied to {copy}: {error.strerror or error}\n"
                "Make room or repair the storage, then give the same command again"
            ) from error
    return DatasetSource(
        prepared_dir=prepared_dir.absolute(), data_hash=manifest.data_hash, shared_copy=copy
    )


def _upload(prepared_dir: Path, copy: Folder) -> None:
    logger.info("copying the data set %s to %s", prepared_dir, copy)
    copy.sweep()
    hashes = {}
    for path in sorted(each for each in prepared_dir.rglob("*") if each.is_file()):
        name = path.relative_to(prepared_dir).as_posix()
        hashes[name] = sha256_of_file(path)
        copy.copy_in(path, name)
    copy.write(HASHES_NAME, json.dumps(hashes, indent=1).encode())


def local_dataset(source: DatasetSource, cache_dir: Path | None = None) -> Path:
    """Return the folder with the data set on this machine; it is copied here if necessary.

    If several processes call this at the same time, one of them copies and the others wait.
    `cache_dir` None means $XDG_CACHE_HOME/pix2pix/datasets, by default in ~/.cache. Raises
    UserError, with the node and the remedy, if the data set is not on this machine and cannot be
    copied.
    """
    if has_data_set(source.prepared_dir, source.data_hash):
        return source.prepared_dir
    if source.shared_copy is None:
        raise UserError(
            f"node {platform.node()} does not see the data set {source.data_hash} in "
            f"{source.prepared_dir}. Set train.storage_path to a folder that all nodes share or "
            "to an object store (s3://...), or put the project on a file system that all nodes "
            "share"
        )
    cache_dir = (cache_dir or _user_cache_dir()).absolute()
    entry = cache_dir / source.data_hash
    with _explaining_failures(source.shared_copy, cache_dir):
        cache_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{entry}.lock"):
            if not is_intact(entry):
                copy_to_cache(source.shared_copy, entry)
                remove_unused(cache_dir)
            os.utime(entry)  # the time of its last use
    return entry


def _user_cache_dir() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "pix2pix" / "datasets"


@contextmanager
def _explaining_failures(copy: Folder, cache_dir: Path) -> Iterator[None]:
    """Turn an error of a disk or of the storage into a UserError with the remedy."""
    try:
        yield
    except OSError as error:
        remedy = (
            f"Make room there (data sets in {cache_dir} that no training uses may be deleted), or "
            "set XDG_CACHE_HOME to a folder on another disk"
            if error.errno in NO_ROOM
            else "Check that the node reaches the storage, has its credentials in its environment "
            "(AWS_ACCESS_KEY_ID, ...: they are not sent), and may write to its cache"
        )
        raise UserError(
            f"node {platform.node()} could not copy the data set from {copy} to {cache_dir}: "
            f"{error}. {remedy}"
        ) from error
