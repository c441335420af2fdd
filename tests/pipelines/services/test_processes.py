import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pipelines.processes.tree import is_alive
from pipelines.services.layout import log_path, record_path
from pipelines.services.processes import Service, is_running, read_record, start, stop

# A service is meant to outlive whoever started it; Python warns of the one who lets go of it.
pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")

SLEEPER = "import time; print('began', flush=True); time.sleep(600)"
# Starts a process that leaves its session and its parent, as daemons do.
PARENT = (
    "import subprocess, sys, time;"
    f"subprocess.Popen([sys.executable, '-c', {SLEEPER!r}], start_new_session=True);"
    "time.sleep(600)"
)
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEPER


def service(code: str) -> Service:
    return Service(
        name="sleeper",
        command=(sys.executable, "-c", code),
        environment=dict(os.environ),
        facts={"url": "x"},
    )


def wait_for_output(project: Path) -> None:
    deadline_s = time.monotonic() + 30
    while "began" not in log_path(project, "sleeper").read_text():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def end(project: Path) -> bool:
    return stop(project, "sleeper", grace_s=0.5, rest_s=0.5)


def test_a_started_process_is_found_and_stopped(tmp_path: Path) -> None:
    record = start(tmp_path, service(SLEEPER))
    assert read_record(tmp_path, "sleeper") == record
    assert is_running(record)
    assert os.getsid(record.pid) == record.pid  # a terminal that closes does not end it
    assert end(tmp_path)
    assert not is_running(record)
    assert read_record(tmp_path, "sleeper") is None
    assert not end(tmp_path)


def test_a_process_that_does_not_end_is_killed(tmp_path: Path) -> None:
    record = start(tmp_path, service(DEAF))
    wait_for_output(tmp_path)
    assert end(tmp_path)
    assert not is_running(record)


def test_what_a_killed_service_left_is_found_by_its_token(tmp_path: Path) -> None:
    record = start(tmp_path, service(PARENT))
    wait_for_output(tmp_path)
    (child,) = psutil.Process(record.pid).children()
    os.kill(record.pid, signal.SIGKILL)
    while is_running(record):
        time.sleep(0.02)
    assert is_alive(child)
    assert end(tmp_path)
    assert not is_alive(child)


def test_another_process_of_the_same_number_is_left_alone(tmp_path: Path) -> None:
    record = start(tmp_path, service(SLEEPER))
    end(tmp_path)
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        path = record_path(tmp_path, "sleeper")
        old = {"name": "sleeper", "token": record.token, "facts": {}}
        path.write_text(json.dumps({**old, "pid": stranger.pid, "created_s": record.created_s - 9}))
        reused = read_record(tmp_path, "sleeper")
        assert reused is not None
        assert not is_running(reused)
        assert not end(tmp_path)
        assert stranger.poll() is None
        assert not path.exists()
    finally:
        stranger.kill()
        stranger.wait()


def test_a_clock_that_was_set_hides_no_process(tmp_path: Path) -> None:
    """Linux tells when a process was created from the time of boot, which moves with the clock."""
    record = start(tmp_path, service(SLEEPER))
    path = record_path(tmp_path, "sleeper")
    path.write_text(path.read_text().replace(str(record.created_s), str(record.created_s - 3600)))
    assert end(tmp_path)
    assert not is_running(record)


def test_the_log_of_the_start_before_is_kept(tmp_path: Path) -> None:
    for _ in range(2):
        start(tmp_path, service(SLEEPER))
        wait_for_output(tmp_path)
        end(tmp_path)
    log = log_path(tmp_path, "sleeper")
    assert (log.read_text(), log.with_name("sleeper.log.1").read_text()) == ("began\n", "began\n")


@pytest.mark.parametrize("text", ["", "[]", '{"pid": 1}'])
def test_a_file_that_is_no_record_is_named(tmp_path: Path, text: str) -> None:
    path = record_path(tmp_path, "sleeper")
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(ValueError, match=str(path)):
        read_record(tmp_path, "sleeper")
