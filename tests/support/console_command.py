"""The console command `pix2pix`, as it is installed."""

import os
import subprocess
import sys
from pathlib import Path

TOOLS = Path(sys.executable).parent
BARE = "/usr/bin:/bin"  # a PATH on which no tool of the environment is


def pix2pix(*words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run the installed command in the current folder; no environment is activated."""
    return subprocess.run(
        [TOOLS / "pix2pix", *words],
        env=os.environ | {"PATH": BARE, **variables},
        capture_output=True,
        text=True,
    )
