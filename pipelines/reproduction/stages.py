"""Run DVC stages in a workspace, really: neither their old outputs nor DVC's run cache count."""

import logging
import sys

from pipelines.processes.shell import Shell

logger = logging.getLogger(__name__)


def run_stage(shell: Shell, stage: str) -> None:
    """Run one stage. Raises CommandFailedError with its last lines if it fails.

    `--force` runs it although DVC knows a result of the same code, parameters and data, and
    `--no-commit` keeps what it makes out of the cache, where nobody needs it.
    """
    command = ["repro", "--force", "--no-commit", "--single-item", stage]
    shell.run(
        stage,
        [sys.executable, "-m", "dvc", *command],
        say=lambda line: logger.info("%s | %s", stage, line),
    )
