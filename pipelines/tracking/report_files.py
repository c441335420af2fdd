"""Which files below reports/ belong to a run, and their hash."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from pipelines.paths import (
    EVALUATION_DIR,
    METRICS_PATH,
    NEW_DATA_PATH,
    REGISTER_PATH,
    REGISTER_REPORT_PATH,
    REPRODUCTIONS_DIR,
    SAMPLES_DIR,
    TUNE_DIR,
)
from pix2pix.files import sha256_of_file

# Not files of the run: samples are logged as images of their epochs, a study is not part of a
# training, and the others are written after the run is complete, or by commands.
_NOT_REPORTS = (
    SAMPLES_DIR,
    TUNE_DIR,
    REGISTER_PATH,
    REGISTER_REPORT_PATH,
    NEW_DATA_PATH,
    EVALUATION_DIR,
    REPRODUCTIONS_DIR,
)


def report_files(project_dir: Path) -> dict[str, Path]:
    """The files, by path relative to the project."""
    excluded = [project_dir / path for path in _NOT_REPORTS]
    reports_dir = project_dir / METRICS_PATH.parent
    return {
        path.relative_to(project_dir).as_posix(): path
        for path in sorted(reports_dir.rglob("*"))
        if path.is_file()
        and not path.name.startswith(".")
        and not any(path.is_relative_to(other) for other in excluded)
    }


def files_sha256(files: Mapping[str, Path]) -> str:
    """Over the names and contents of files."""
    digest = hashlib.sha256()
    for name, path in files.items():
        digest.update(f"{name}\0{sha256_of_file(path)}\n".encode())
    return digest.hexdigest()
