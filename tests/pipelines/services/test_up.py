"""`up` where something stands in its way: it says what, and leaves nothing behind."""

import socket

import pytest

from pipelines.entrypoint import TRY_AGAIN
from tests.support.mlflow_process import closed_port
from tests.support.served_project import ServedProject

pytestmark = [pytest.mark.server, pytest.mark.slow]


def test_a_port_that_another_process_has_is_named_and_nothing_is_left(
    stopped: ServedProject,
) -> None:
    with socket.socket() as foreign:
        foreign.bind(("127.0.0.1", 0))
        foreign.listen()
        port = foreign.getsockname()[1]
        stopped.variables["MLFLOW_PORT"] = str(port)
        done = stopped.up(check=False)
    assert done.returncode == TRY_AGAIN
    assert f"port {port} " in done.stderr
    assert "MLFLOW_PORT" in done.stderr
    assert "Traceback" not in done.stderr
    assert stopped.programs() == {}
    assert stopped.processes() == []


def test_what_was_started_is_stopped_if_one_does_not_become_healthy(
    stopped: ServedProject,
) -> None:
    stopped.variables["MLFLOW_TRACKING_URI"] = "postgresql+nodriver://me:hidden@127.0.0.1:1/x"
    done = stopped.up(check=False)
    assert done.returncode == 1
    assert "mlflow-server ended while it started" in done.stderr
    assert not done.stderr.startswith("Traceback")
    assert "sqlalchemy.dialects:postgresql.nodriver" in done.stderr  # the end of its log
    assert "hidden" not in done.stderr
    assert stopped.programs() == {}
    assert stopped.processes() == []


def test_a_server_elsewhere_that_does_not_answer_is_named(stopped: ServedProject) -> None:
    stopped.variables["PREFECT_API_URL"] = f"http://127.0.0.1:{closed_port()}/api"
    done = stopped.up(check=False)
    assert done.returncode == TRY_AGAIN
    assert "unset PREFECT_API_URL" in done.stderr
    assert stopped.programs() == {}
