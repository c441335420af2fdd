"""Two runs of the pipeline at once in one folder."""

import re
import subprocess

import pytest

from tests.support.project import Project
from tests.support.served_project import TINY, wait_for

pytestmark = [pytest.mark.pipeline]


def test_of_two_runs_at_once_one_says_that_the_other_is_running(project: Project) -> None:
    stages = project.folder / "dvc.yaml"
    held, count = re.subn(
        r"(cmd: .*stages\.ingest)\n",
        r"\1 && touch began && until test -e go; do sleep 0.1; done\n",
        stages.read_text(),
    )
    assert count == 1
    stages.write_text(held)
    project.set_params("smoke", **TINY)
    first = subprocess.Popen(
        ["dvc", "repro", "ingest"],
        cwd=project.folder,
        env=project.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        wait_for((project.folder / "began").exists, limit_s=120)
        second = project.run("dvc", "repro", "ingest", check=False)
    finally:
        (project.folder / "go").touch()  # without it, the first run never ends
        first.communicate()
    assert first.returncode == 0
    assert second.returncode != 0
    assert "lock" in second.stderr or "busy" in second.stderr
    assert (project.folder / "dvc.lock").is_file()
