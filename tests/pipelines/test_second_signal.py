"""A second signal ends a command at once, whatever its work does; it hangs in these tests."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.support.killable_project import (
    TRAIN_STAGE,
    lengthen,
    prepared_training,
    start,
    wait_for_step,
)

# What a stage is without Ray: work that never ends, and does not hear that it should.
HANGING = """
import threading
from pipelines.entrypoint import run
from pipelines.interruption import run_interruptibly
run(lambda: run_interruptibly(threading.Event().wait, stop=lambda: print("asked", flush=True)))
"""
AT_ONCE_S = 20.0  # on a busy machine; the work would take for ever


def _wait_for(text: str, running: "subprocess.Popen[str]") -> None:
    assert running.stdout is not None
    for line in running.stdout:
        if text in line:
            return
    pytest.fail(f"it ended without {text!r}")


@pytest.mark.usefixtures("signals_heard")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_second_signal_does_not_wait_for_work_that_hangs(number: signal.Signals) -> None:
    running = subprocess.Popen(
        [sys.executable, "-c", HANGING], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    # Python itself may still be starting up; a signal before `run` would be another test.
    _until(lambda: _catches(running.pid, number))
    running.send_signal(number)
    _wait_for("asked", running)
    with pytest.raises(subprocess.TimeoutExpired):
        running.wait(1)  # the first alone does not end it
    running.send_signal(number)
    try:
        said = running.communicate(timeout=AT_ONCE_S)[0]
    finally:
        running.kill()
    assert running.returncode == 128 + number
    assert "interrupted; the same command continues" in said
    assert "Traceback" not in said


def _catches(pid: int, number: int) -> bool:
    status = dict(
        line.split(":\t", 1)
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if ":\t" in line
    )
    return bool(int(status["SigCgt"], 16) >> (signal.SIGTERM - 1) & 1) and bool(
        int(status["SigCgt"], 16) >> (number - 1) & 1
    )


def _until(is_so: Callable[[], bool], timeout_s: float = 120.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


@pytest.mark.soak
@pytest.mark.pipeline
def test_a_second_signal_ends_a_training_whose_worker_hangs(tmp_path: Path) -> None:
    project = prepared_training(tmp_path)
    lengthen(project)
    running = start(project, TRAIN_STAGE)
    family: list[psutil.Process] = []
    try:
        wait_for_step(project, 1, running)
        family = psutil.Process(running.pid).children(recursive=True)
        workers = [each for each in family if each.name().startswith("ray::RayTrain")]
        assert len(workers) == 1
        workers[0].suspend()  # only it: Ray's own processes end themselves, unless they are stopped
        running.send_signal(signal.SIGTERM)
        _wait_for("saving and stopping", running)
        with pytest.raises(subprocess.TimeoutExpired):
            running.wait(3)  # the worker cannot save
        running.send_signal(signal.SIGTERM)
        said = running.communicate(timeout=2 * AT_ONCE_S)[0]
    finally:
        running.kill()
        _, left = psutil.wait_procs(family, timeout=AT_ONCE_S)
        for process in left:
            process.kill()
    assert running.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in said
    assert left == []
