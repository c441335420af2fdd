"""MLflow's own servers, as processes."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class ServerProcess:
    """`mlflow ...` as a server on one port, which may die, hang and be started again."""

    def __init__(self, arguments: list[str], *, cwd: Path, health: str, uri: str) -> None:
        self.port = closed_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._arguments, self._cwd, self._health, self._uri = arguments, cwd, health, uri
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run until it answers; does nothing if it runs."""
        if self._process is not None:
            return
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",  # MLflow calls uvicorn
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # processes for what is not used here
            "MLFLOW_TRACKING_URI": self._uri,
        }
        port = ["--port", str(self.port), "--workers", "1"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *self._arguments, *port],
            cwd=self._cwd,
            env=os.environ | environment,
            start_new_session=True,
        )
        wait_until_it_answers(f"{self.url}{self._health}", self._process)

    def pause(self) -> None:
        """Let it hang: the system still takes connections for it."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """After `pause`."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """Without a chance to finish anything; does nothing if it does not run."""
        self._end(signal.SIGKILL)

    def end(self) -> None:
        """As an operator does."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            if self._process.poll() is None:
                self._signal(number)
            self._process.wait(30)
            self._process = None

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, number)


@contextmanager
def serving(arguments: list[str], *, cwd: Path, health: str, uri: str) -> Iterator[str]:
    """Run `mlflow ...` as a server on a free port until it answers, and end it afterwards."""
    server = ServerProcess(arguments, cwd=cwd, health=health, uri=uri)
    try:
        server.start()
        yield server.url
    finally:
        server.end()


def wait_until_it_answers(
    url: str, process: subprocess.Popen[bytes], *, limit_s: float = 120.0
) -> None:
    deadline_s = time.monotonic() + limit_s
    while time.monotonic() < deadline_s:
        assert process.poll() is None, "the server ended"
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"no answer from {url}")
