"""The prepared dataset on the machine of a worker, which may not be the driver's.

A node that sees the folder of the driver reads it there. Any other pulls it through the DVC remote
into a cache of its own, once: `<cache>/<data_hash>` is the folder as `prepare` wrote it, and the
next training on the same data finds it there.
"""

import json
import logging
import os
import platform
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from pipelines.repository.dvc_lock import output_md5
from pipelines.repository.dvc_remote import DvcRemote, Pulled, default_remote, file_md5, pull_folder
from pix2pix.data.manifest import Manifest, load_manifest
from pix2pix.errors import UserError
from pix2pix.files import write_text

logger = logging.getLogger(__name__)

_RECORD_NAME = ".pulled.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetSource:
    """Where a prepared dataset can be had. Of plain values: it travels to the workers."""

    prepared_dir: Path  # absolute; on other machines perhaps not there, or something else
    data_hash: str
    md5: str | None  # DVC's, of the whole folder; None if dvc.lock does not name it
    remote: DvcRemote | None  # None if no default one is configured


def dataset_source(project_dir: Path, prepared_dir: Path, manifest: Manifest) -> DatasetSource:
    """Where workers find the dataset of `prepared_dir`, whose manifest is given.

    Only reads dvc.lock and DVC's configuration; nothing is asked of the remote, which a training
    on one machine does not need. The remote's secrets are left out (see dvc_remote).
    """
    path = Path(os.path.relpath(prepared_dir, project_dir))
    return DatasetSource(
        prepared_dir=prepared_dir.absolute(),
        data_hash=manifest.data_hash,
        md5=output_md5(project_dir, path),
        remote=default_remote(project_dir),
    )


def local_dataset(source: DatasetSource, cache_dir: Path | None = None) -> Path:
    """The folder with the dataset on this machine, pulled if it is not here yet.

    Of several processes that ask at once, one pulls and the others wait. `cache_dir` None means
    $XDG_CACHE_HOME/pix2pix/datasets, by default in ~/.cache. Raises UserError, with the node and
    the remedy, if the dataset is not here and cannot be pulled.
    """
    if _holds(source.prepared_dir, source.data_hash):
        return source.prepared_dir
    cache_dir = (cache_dir or _user_cache_dir()).absolute()
    cache_dir.mkdir(parents=True, exist_ok=True)
    entry = cache_dir / source.data_hash
    # The system releases this lock if its holder is killed.
    with FileLock(cache_dir / f"{source.data_hash}.lock"):
        if entry.exists():
            changed = _changed_files(entry)
            if not changed:
                return entry
            logger.warning(
                "%s is damaged (%s): it is removed and pulled anew", entry, ", ".join(changed)
            )
            shutil.rmtree(entry)
        _pull(source, entry)
    return entry


def _holds(prepared_dir: Path, data_hash: str) -> bool:
    """Whether this machine sees that dataset there."""
    try:
        return load_manifest(prepared_dir).data_hash == data_hash
    except (OSError, UserError):  # not there, not for this user, or something else
        return False


def _user_cache_dir() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "pix2pix" / "datasets"


def _pull(source: DatasetSource, entry: Path) -> None:
    """Pull and check the dataset beside `entry`, and move it there as a whole."""
    if source.remote is None or source.md5 is None:
        raise UserError(_no_way(source))
    for leftover in entry.parent.glob(f"{entry.name}.*.partial"):  # of a killed process
        shutil.rmtree(leftover, ignore_errors=True)  # DVC may outlive it, and write there still
    logger.info("pulling the dataset into %s from %s", entry, source.remote)
    with tempfile.TemporaryDirectory(
        prefix=f"{entry.name}.", suffix=".partial", dir=entry.parent, ignore_cleanup_errors=True
    ) as work_dir:
        pulled = pull_folder(source.remote, source.md5, Path(work_dir))
        found = load_manifest(pulled.folder).data_hash
        if found != source.data_hash:
            raise UserError(
                f"node {platform.node()}: dvc.lock names another dataset ({found}) than the "
                f"training reads ({source.data_hash}); run `dvc repro prepare` and `dvc push`"
            )
        _write_record(pulled)
        pulled.folder.rename(entry)


def _no_way(source: DatasetSource) -> str:
    lacking, remedy = (
        ("no default DVC remote is configured", "run `dvc remote add --default NAME URL`")
        if source.remote is None
        else ("dvc.lock does not name it", "run `dvc repro prepare`")
    )
    return (
        f"node {platform.node()} does not see the dataset {source.data_hash} in "
        f"{source.prepared_dir}, and cannot pull it: {lacking}. Put the project on a file system "
        f"that all nodes share, or {remedy} and `dvc push`"
    )


def _write_record(pulled: Pulled) -> None:
    """Note the content of each file, and how it looks from outside while it has that content."""
    record = {
        name: {"md5": md5, "looks": _looks(pulled.folder / name)}
        for name, md5 in pulled.md5s.items()
    }
    write_text(pulled.folder / _RECORD_NAME, json.dumps(record, indent=1))


def _changed_files(entry: Path) -> list[str]:
    """Files that are not as they were pulled.

    Only those that look different are read: a large dataset takes minutes to read as a whole.
    """
    try:
        record = json.loads((entry / _RECORD_NAME).read_bytes())
    except (OSError, ValueError):
        return [_RECORD_NAME]
    touched = [name for name, was in record.items() if _looks(entry / name) != was["looks"]]
    changed = [
        name
        for name in touched
        if not (entry / name).is_file() or file_md5(entry / name) != record[name]["md5"]
    ]
    if touched and not changed:
        _write_record(Pulled(entry, {name: was["md5"] for name, was in record.items()}))
    return changed


def _looks(path: Path) -> list[int]:
    """Size and change time, which no write and no copy leaves as it was; empty if missing."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return []
    return [status.st_size, status.st_ctime_ns]
