"""The trace of some steps: from the worker to the folder of the run, and from there to reports/."""

import json
import logging
import shutil
from pathlib import Path

from pipelines.runs.folder import Folder
from pix2pix.files import write_bytes
from pix2pix.training import Profile

_FOLDER, _TRACE, _SUMMARY = "profile", "trace.json.gz", "summary.json"

logger = logging.getLogger(__name__)


def write_profile(run: Folder, profile: Profile) -> None:
    """Write the files into the folder of the run, and log the summary. Raises OSError."""
    summary = json.dumps(profile.summary, indent=2)
    (run / _FOLDER).write(_TRACE, profile.trace)
    (run / _FOLDER).write(_SUMMARY, f"{summary}\n".encode())
    logger.info("profile of the training: %s", summary)


def copy_profile(run: Folder, to: Path) -> None:
    """Copy the files of the run's profile, if it has one, in place of those of an earlier run."""
    shutil.rmtree(to, ignore_errors=True)
    for name in (_TRACE, _SUMMARY):
        if (run / _FOLDER).has(name):
            write_bytes(to / name, (run / _FOLDER).read(name))
