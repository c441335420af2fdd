"""The folder beside an output film that holds its finished parts until all are there.

A translation that was interrupted goes on from it, if it is of the same film, model and options.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pipelines.json_files import write_json
from pipelines.processes.file_lock import try_lock
from pix2pix.errors import UserError
from pix2pix.files import make_folder, written_to

_JOB_NAME = "job.json"
_LOCK_NAME = "lock"
_MAX_NAME_BYTES = 255  # of a file or folder, on all usual file systems

Job = Mapping[str, str | int | bool | None]


@contextmanager
def unfinished_folder(output: Path, job: Job, *, discard_other: bool) -> Iterator[Path]:
    """Own the folder of unfinished parts of `output` while the block runs.

    `job` is all that the parts depend on. Raises UserError if another process translates to
    `output`, or if the folder holds parts of another job and `discard_other` is not set.
    """
    folder = output.with_name(_folder_name(output.name))
    with written_to(folder):
        make_folder(folder)
        lock = try_lock(folder / _LOCK_NAME)
    if lock is None:
        raise UserError(f"{output} is being written by another command; wait for it to end")
    try:
        _begin(folder, output, job, discard_other=discard_other)
        yield folder
    finally:
        os.close(lock)


def _folder_name(film: str) -> str:
    """The name says which film it is of, unless that would be too long."""
    name = f".{film}.unfinished"
    if len(os.fsencode(name)) <= _MAX_NAME_BYTES:
        return name
    return f".{hashlib.sha256(os.fsencode(film)).hexdigest()[:16]}.unfinished"


def _begin(folder: Path, output: Path, job: Job, *, discard_other: bool) -> None:
    before = _job_of(folder)
    if before == job:
        return
    if before is not None and not discard_other:
        changed = [
            f"{key} {before.get(key)!r} (now {job.get(key)!r})"
            for key in {**before, **job}
            if before.get(key) != job.get(key)
        ]
        raise UserError(
            f"an interrupted translation to {output} had {', '.join(changed)}; continue it with "
            "its own options, or give --overwrite to begin anew"
        )
    for path in folder.iterdir():
        if path.name != _LOCK_NAME:
            path.unlink()
    write_json(folder / _JOB_NAME, dict(job))


def _job_of(folder: Path) -> dict[str, object] | None:
    """The job of the parts in the folder; None if there is none, or it cannot be read."""
    try:
        job = json.loads((folder / _JOB_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return job if isinstance(job, dict) else None


def remove(folder: Path) -> None:
    """Remove the folder, after the film is there or because it never will be."""
    shutil.rmtree(folder, ignore_errors=True)
