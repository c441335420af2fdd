"""How Ray is started on this machine. `ray.init` is replaced: no Ray runs in these tests."""

import errno
import logging
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray

from pipelines.cluster.placement import connect
from pipelines.cluster.start import _is_asked_to_end, start_ray
from pix2pix.errors import UserError
from tests.support.mlflow_process import closed_port

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
SERVER = [sys.executable, "-c", "import subprocess; subprocess.run(['sleep', '60'])"]  # a worker
TIMED_OUT = Exception("The current node timed out during startup.")  # the message of Ray

Start = Callable[[], None]


@pytest.fixture
def starting(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[dict[str, Any]]]:
    """Let each `ray.init` run the next of these actions. Returns the options of the calls."""

    def use(*actions: Start) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = []

        def init(address: str | None = None, **options: Any) -> None:
            calls.append({"address": address, **options})
            actions[len(calls) - 1]()

        monkeypatch.delenv("RAY_ADDRESS", raising=False)
        monkeypatch.setattr(ray, "init", init)
        return calls

    return use


def _failing(error: Exception, started: list["subprocess.Popen[bytes]"] | None = None) -> Start:
    def start() -> None:
        if started is not None:
            started.append(subprocess.Popen(SLEEP))
        raise error

    return start


def _nothing() -> None:
    pass


@pytest.mark.parametrize(
    "error", [TIMED_OUT, RuntimeError("no GCS"), ray.exceptions.RaySystemError("raylet")]
)
def test_a_start_that_timed_out_is_tried_again_with_a_warning(
    error: Exception,
    starting: Callable[..., list[dict[str, Any]]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    calls = starting(_failing(error), _failing(error), _nothing)
    start_ray()
    assert len(calls) == 3
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.WARNING, f"Ray did not start on this machine (try {number} of 3): {error}")
        for number in (1, 2)
    ]


def test_if_ray_does_not_start_there_is_one_clear_error(
    starting: Callable[..., list[dict[str, Any]]],
) -> None:
    """A ConnectionError ends a stage as one message, without a traceback."""
    calls = starting(*[_failing(TIMED_OUT)] * 3)
    with pytest.raises(
        ConnectionError, match=r"try 3 of 3\): The current node timed out .*\n.*log"
    ):
        start_ray()
    assert len(calls) == 3


@pytest.mark.parametrize("error", [TypeError("no such option"), ValueError("port")])
def test_a_wrong_call_is_not_tried_again(
    error: Exception, starting: Callable[..., list[dict[str, Any]]]
) -> None:
    calls = starting(_failing(error))
    with pytest.raises(type(error)):
        start_ray()
    assert len(calls) == 1


def test_the_processes_of_a_failed_start_are_ended_and_no_others(
    starting: Callable[..., list[dict[str, Any]]],
) -> None:
    other = subprocess.Popen(SLEEP)
    left: list[subprocess.Popen[bytes]] = []
    starting(_failing(TIMED_OUT, left), _nothing)
    start_ray()
    assert left[0].wait(10) == -signal.SIGKILL
    assert other.poll() is None
    other.kill()
    other.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="Ray's servers need SIGTERM there")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_that_end_a_training_do_not_reach_ray_s_processes(
    number: signal.Signals,
    starting: Callable[..., list[dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    starting(lambda: started.append(subprocess.Popen(SLEEP)))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    start_ray()
    server = started[0]
    server.send_signal(number)
    with pytest.raises(subprocess.TimeoutExpired):
        server.wait(0.3)
    assert psutil.Process(server.pid).is_running()
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before  # we receive it as before
    server.kill()
    server.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere they receive it")
def test_a_server_that_ray_asks_to_end_ends_at_once(
    starting: Callable[..., list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise Ray waits a second for each server, about five seconds after each stage."""
    started: list[subprocess.Popen[bytes]] = []
    connected = threading.Event()
    connected.set()
    monkeypatch.setattr(ray, "is_initialized", connected.is_set)
    starting(lambda: started.extend(subprocess.Popen(each) for each in (SERVER, SLEEP)))
    start_ray()
    asked, other = started
    while not (workers := psutil.Process(asked.pid).children()):
        time.sleep(0.01)
    asked.terminate()
    assert _is_asked_to_end(asked.pid)
    with pytest.raises(subprocess.TimeoutExpired):
        asked.wait(0.5)  # a signal to all, while the training still runs
    connected.clear()
    assert asked.wait(10) == -signal.SIGKILL
    assert psutil.wait_procs(workers, timeout=10)[1] == []  # one that hung would run on
    assert other.poll() is None  # not asked yet
    other.terminate()
    assert other.wait(10) == -signal.SIGKILL


def test_the_handler_of_sigterm_is_the_same_after_ray_has_started(
    starting: Callable[..., list[dict[str, Any]]],
) -> None:
    starting(lambda: signal.signal(signal.SIGTERM, lambda *_: sys.exit(15)) and None)
    before = signal.getsignal(signal.SIGTERM)
    connect(None)
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_cluster_on_this_machine_is_joined_only_if_its_address_is_given(
    starting: Callable[..., list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an address, Ray itself looks for one that `ray start` has left in a file."""
    calls = starting(_nothing, _nothing, _nothing)
    connect(None)
    with socket.create_server(("127.0.0.1", 0)) as head:
        address = f"127.0.0.1:{head.getsockname()[1]}"
        monkeypatch.setenv("RAY_ADDRESS", address)
        connect(None)
    assert [call["address"] for call in calls] == ["local", address]


def test_a_cluster_that_does_not_answer_is_named_before_ray_tries_for_minutes(
    starting: Callable[..., list[dict[str, Any]]],
) -> None:
    calls = starting(_nothing)
    with pytest.raises(
        ConnectionError, match=r"cluster at 127\.0\.0\.1:.* does not answer: .*refused"
    ):
        connect(f"127.0.0.1:{closed_port()}")
    assert calls == []


def test_an_empty_address_is_none(
    starting: Callable[..., list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = starting(_nothing)
    monkeypatch.setenv("RAY_ADDRESS", "")
    connect(None)
    assert [call["address"] for call in calls] == ["local"]


@pytest.mark.parametrize("wrong", ["head", "head:ray", "http://head:8265"])
def test_what_is_no_address_is_refused_in_one_sentence_and_what_is_one_is_named(wrong: str) -> None:
    with pytest.raises(UserError, match=rf"'{wrong}' .* is no address .* such as 10.0.0.1:6379"):
        connect(wrong)


def test_a_ray_client_s_address_is_refused() -> None:
    with pytest.raises(UserError, match="does not work through the Ray client"):
        connect("ray://host:10001")


@pytest.mark.parametrize("place", [".ray", ""])
def test_a_home_that_cannot_be_written_to_is_named_at_once(
    place: str,
    starting: Callable[..., list[dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    refused = str(tmp_path / place)
    calls = starting(_failing(PermissionError(errno.EACCES, "Permission denied", refused)))
    with pytest.raises(UserError) as raised:
        start_ray()
    assert str(raised.value) == (
        f"{refused} cannot be made: Permission denied. Ray keeps a token in {tmp_path}/.ray; set "
        "HOME to a folder that you can write to, and give the same command again"
    )
    assert len(calls) == 1
