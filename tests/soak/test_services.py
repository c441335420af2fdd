"""`up` and `down` where a process hangs, and where two projects share the servers."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from pipelines.services import stopping
from pipelines.services.layout import WORKER, log_path
from tests.support.served_project import (
    HELLO,
    ServedProject,
    answer,
    new_project,
    running,
    wait_for,
)

pytestmark = [pytest.mark.soak, pytest.mark.server, pytest.mark.timeout(900)]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServedProject]:
    with running(new_project(tmp_path / "served")) as project:
        yield project


@pytest.fixture
def other(tmp_path: Path) -> Iterator[ServedProject]:
    project = new_project(tmp_path / "other")
    try:
        yield project
    finally:
        project.end()


def test_a_flow_run_is_ended_though_the_worker_hangs(
    served: ServedProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = served.start(HELLO, seen=str(tmp_path / "began"), sleep_s=600.0)
    wait_for((tmp_path / "began").exists, limit_s=60)
    os.kill(served.recorded()[WORKER], signal.SIGSTOP)
    monkeypatch.setitem(stopping._GRACE_S, WORKER, 3.0)
    stopping.down(served.folder)
    assert served.processes() == []
    said = log_path(served.folder, WORKER).read_text()
    assert "Worker 'served on" not in said.splitlines()[-1]
    served.up()
    with served.client() as client:
        assert client.read_flow_run(UUID(run_id)).state_name == "Crashed"


def test_a_flow_run_is_ended_though_up_was_started_in_the_background(
    other: ServedProject, tmp_path: Path
) -> None:
    """A shell has such a process, and what it starts, ignore SIGINT."""
    in_background = 'trap "" INT; exec pix2pix up'
    other.run("sh", "-c", in_background)
    other.start(HELLO, seen=str(tmp_path / "began"), sleep_s=600.0)
    wait_for((tmp_path / "began").exists, limit_s=60)
    stopping.down(other.folder)
    assert other.processes() == []
    said = log_path(other.folder, WORKER).read_text()
    assert "Worker 'other on" in said.splitlines()[-1]


def test_another_project_can_use_these_servers(served: ServedProject, other: ServedProject) -> None:
    other.variables["PREFECT_API_URL"] = served.api
    other.variables["MLFLOW_TRACKING_URI"] = served.mlflow_url
    said = other.up().stdout
    assert said.count("not started here") == 2
    assert set(other.recorded()) == {WORKER}
    assert not (other.folder / "prefect.toml").exists()
    other.down()
    assert answer(f"{served.api}/health") == "true"
