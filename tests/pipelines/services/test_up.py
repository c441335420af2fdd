"""`up` where something is there already, stands in the way, or is not to be lost."""

import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient

from pipelines.services import stopping
from pipelines.services.layout import WORKER
from tests.pipelines.mlflow_process import closed_port
from tests.pipelines.services.project import Project, answer
from tests.pipelines.tracked_project import new_database

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(600)]

PREFECT = str(Path(sys.executable).parent / "prefect")


def test_runs_made_without_a_server_show_and_new_ones_open_without_it(stopped: Project) -> None:
    uri = new_database(stopped.folder)
    files = (stopped.folder / "mlartifacts").as_uri()
    old = _log_run(MlflowClient(uri), "old", artifact_location=files)
    stopped.up()
    served = MlflowClient(stopped.mlflow_url)
    assert served.list_artifacts(old)[0].path == "note.txt"
    page = f"{stopped.mlflow_url}/get-artifact?run_uuid={old}&path=note.txt"
    assert answer(page) == "kept"
    new = _log_run(served, "new")
    stopped.down()
    assert [file.path for file in MlflowClient(uri).list_artifacts(new)] == ["note.txt"]


@pytest.mark.parametrize("worker", ["answers", "hangs"])
def test_a_flow_run_is_ended_before_the_servers(
    stopped: Project, monkeypatch: pytest.MonkeyPatch, worker: str
) -> None:
    (stopped.folder / "hello.py").write_text(
        "import time\nfrom pathlib import Path\nfrom prefect import flow\n\n\n@flow\n"
        "def hello() -> None:\n    Path('began').touch()\n    time.sleep(600)\n"
    )
    in_background = 'trap "" INT; exec "$0" -m pipelines.services up'  # as a shell starts it there
    stopped.run("sh", "-c", in_background, sys.executable)
    stopped.run(PREFECT, "deployment", "run", "hello/hello")
    _wait_for(stopped.folder / "began")
    if worker == "hangs":
        os.kill(stopped.recorded()[WORKER], signal.SIGSTOP)
        monkeypatch.setitem(stopping._GRACE_S, WORKER, 3.0)
    stopping.down(stopped.folder)
    assert stopped.processes() == []
    said = (stopped.folder / ".services" / "logs" / "worker.log").read_text()
    assert ("Worker 'stopped on" in said.splitlines()[-1]) == (worker == "answers")
    stopped.up()
    with stopped.client() as client:
        (run,) = [run for run in client.read_flow_runs() if run.start_time is not None]
    assert run.state_name == "Crashed"


def test_a_port_that_another_process_has_is_named_and_nothing_is_left(stopped: Project) -> None:
    with socket.socket() as foreign:
        foreign.bind(("127.0.0.1", 0))
        foreign.listen()
        port = foreign.getsockname()[1]
        stopped.variables["MLFLOW_PORT"] = str(port)
        done = stopped.up(check=False)
    assert done.returncode == 1
    assert f"port {port} " in done.stderr
    assert "MLFLOW_PORT" in done.stderr
    assert "Traceback" not in done.stderr
    assert stopped.recorded() == {}
    assert stopped.processes() == []


def test_what_was_started_is_stopped_if_one_does_not_become_healthy(stopped: Project) -> None:
    stopped.variables["MLFLOW_TRACKING_URI"] = "postgresql+nodriver://me:hidden@127.0.0.1:1/x"
    done = stopped.up(check=False)
    assert done.returncode == 1
    assert "mlflow-server ended while it started" in done.stderr
    assert "sqlalchemy.dialects:postgresql.nodriver" in done.stderr  # the end of its log
    assert "hidden" not in done.stderr
    assert stopped.recorded() == {}
    assert stopped.processes() == []


def test_a_server_elsewhere_that_does_not_answer_is_named(stopped: Project) -> None:
    stopped.variables["PREFECT_API_URL"] = f"http://127.0.0.1:{closed_port()}/api"
    done = stopped.up(check=False)
    assert done.returncode == 1
    assert "unset PREFECT_API_URL" in done.stderr
    assert stopped.recorded() == {}


def _log_run(client: MlflowClient, name: str, *, artifact_location: str | None = None) -> str:
    experiment = client.create_experiment(name, artifact_location)
    run_id = client.create_run(experiment).info.run_id
    client.log_text(run_id, "kept", "note.txt")
    return run_id


def _wait_for(path: Path) -> None:
    deadline_s = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline_s, path
        time.sleep(0.1)
