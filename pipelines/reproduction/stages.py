"""Run DVC stages in a workspace, really: neither their old outputs nor DVC's run cache count."""

import logging
import re
from functools import partial

from pipelines.processes.shell import Shell

_LOGGED = re.compile(r"(?:INFO|WARNING|ERROR) (.*)")  # by the stage; DVC's own lines are left out

logger = logging.getLogger(__name__)


def run_stage(shell: Shell, stage: str) -> None:
    """Run one stage. Raises CommandFailedError with its last lines if it fails.

    `--force` runs it although DVC knows a result of the same code, parameters and data, and
    `--no-commit` keeps what it makes out of the cache, where nobody needs it.
    """
    options = ("--force", "--no-commit", "--single-item")
    shell.run_module(stage, "dvc", "repro", *options, stage, say=partial(_say, stage))


def _say(stage: str, line: str) -> None:
    if logged := _LOGGED.match(line):
        logger.info("%s: %s", stage, logged[1])
