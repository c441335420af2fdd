"""Stages that outlive the DVC that started them; a Python process plays DVC."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.waiting import until

pytestmark = pytest.mark.slow  # whether a parent lives is asked once a second

# Writes down how it ended, because nobody is left to ask.
STAGE = """
import pathlib, sys, time
from pipelines.entrypoint import run
from pipelines.processes.signals import run_interruptibly
def main():
    pathlib.Path("started").touch()
    {work}
try:
    run(main)
except SystemExit as ended:
    pathlib.Path("ended").write_text(str(ended.code))
    raise
"""
WORK = {
    "interruptible": """
    import threading
    asked = threading.Event()
    run_interruptibly(asked.wait, stop=asked.set)
    pathlib.Path("saved").touch()
    sys.exit(7)""",
    "plain": "time.sleep(60)",
}
# A shell that stays, and one that replaces itself by its command.
SHELLS = {"staying": ["sh", "-c", "{command}; exit $?"], "replaced": ["sh", "-c", "exec {command}"]}
DVC = "import subprocess, sys; subprocess.run(sys.argv[1:])"


class Running:
    """The stage, and what started it."""

    def __init__(self, folder: Path, work: str, shell: list[str], **variables: str) -> None:
        self.folder = folder
        (folder / "stage.py").write_text(STAGE.format(work=WORK[work]))
        command = [part.format(command=f"{sys.executable} stage.py") for part in shell]
        self.dvc = subprocess.Popen(
            [sys.executable, "-c", DVC, *command],
            cwd=folder,
            env=dict(variables),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until((folder / "started").exists)
        self.family = psutil.Process(self.dvc.pid).children(recursive=True)

    def ended_with(self) -> str:
        ended = self.folder / "ended"
        until(lambda: ended.exists() and ended.read_text())
        return ended.read_text()

    def close(self) -> None:
        self.dvc.kill()
        self.dvc.wait()
        for process in self.family:
            if process.is_running():
                process.kill()


@pytest.fixture
def running(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Running]:
    work, shell, variables = request.param
    running = Running(tmp_path, work, SHELLS[shell], **variables)
    yield running
    running.close()


UNDER_DVC = {"DVC_STAGE": "train"}


@pytest.mark.parametrize(
    "running",
    [
        ("interruptible", "staying", UNDER_DVC),
        ("interruptible", "replaced", UNDER_DVC),
    ],
    indirect=True,
)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_stage_saves_and_stops_when_dvc_is_killed(
    running: Running, number: signal.Signals
) -> None:
    running.dvc.send_signal(number)
    assert running.ended_with() == "7"
    assert (running.folder / "saved").exists()


@pytest.mark.parametrize("running", [("plain", "staying", UNDER_DVC)], indirect=True)
def test_a_stage_that_cannot_save_ends_as_by_sigterm(running: Running) -> None:
    running.dvc.kill()
    assert running.ended_with() == str(128 + signal.SIGTERM)


@pytest.mark.parametrize("running", [("interruptible", "replaced", {})], indirect=True)
def test_a_stage_that_was_started_by_hand_goes_on_without_its_parent(running: Running) -> None:
    running.dvc.kill()
    time.sleep(3)  # three looks
    assert not (running.folder / "ended").exists()


@pytest.mark.parametrize("running", [("interruptible", "staying", UNDER_DVC)], indirect=True)
def test_a_stage_whose_dvc_lives_goes_on(running: Running) -> None:
    time.sleep(3)
    assert not (running.folder / "ended").exists()
