"""A second signal ends a command at once, whatever its work does; it hangs in these tests."""

import signal
import subprocess
import sys
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
from pipelines.processes.signals import run_interruptibly
def work():
    print("working", flush=True)
    threading.Event().wait()
run(lambda: run_interruptibly(work, stop=lambda: print("asked", flush=True)))
"""
AT_ONCE_S = 20.0  # on a busy machine; the work would take for ever


def _wait_for(text: str, running: "subprocess.Popen[str]") -> None:
    assert running.stdout is not None
    for line in running.stdout:
        if text in line:
            return
    pytest.fail(f"it ended without {text!r}")


@pytest.mark.slow
@pytest.mark.usefixtures("signals_heard")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_second_signal_does_not_wait_for_work_that_hangs(number: signal.Signals) -> None:
    running = subprocess.Popen(
        [sys.executable, "-c", HANGING], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    _wait_for("working", running)  # from here on a first signal is a request
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
    assert "ERROR interrupted" in said
    assert "Traceback" not in said


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
