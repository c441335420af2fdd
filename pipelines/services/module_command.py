"""Programs of the environment that are modules of Python, run to their end."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def run_module(
    *words: str, project: Path, environment: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    """Run `python -m WORDS` in the project's folder; `stdout` holds what it wrote to stderr, too.

    The caller looks at `returncode`.
    """
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=project,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
