"""`up` and `down` where a process hangs, and where two folders share the servers."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pipelines.processes.tree import is_alive
from pipelines.services import supervisord
from pipelines.services.layout import WORKER, log_path
from tests.support.served_project import (
    HELLO,
    ServedProject,
    answer,
    ending,
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
    with ending(new_project(tmp_path / "other")) as project:
        yield project


def test_a_flow_run_is_ended_though_the_worker_hangs(served: ServedProject, tmp_path: Path) -> None:
    run_id = _start_hello(served, tmp_path / "began")
    served.programs()[WORKER].suspend()
    served.down()
    assert served.processes() == []
    served.up()
    served.wait(run_id, "CRASHED")


def test_a_flow_run_ends_with_a_killed_worker_which_is_started_again(
    served: ServedProject, tmp_path: Path
) -> None:
    run_id = _start_hello(served, tmp_path / "began")
    process, worker = served.flow_process(run_id), served.programs()[WORKER]
    supervisor = supervisord.control(served.folder)
    wait_for(lambda: supervisor.getProcessInfo(WORKER)["statename"] == "RUNNING", limit_s=60)
    worker.kill()
    served.wait(run_id, "CRASHED")
    assert not is_alive(process)
    served.completed(served.start(HELLO, seen=str(tmp_path / "again")))


def test_a_flow_run_is_ended_though_up_was_started_in_the_background(
    other: ServedProject, tmp_path: Path
) -> None:
    """A shell has such a process, and what it starts, ignore SIGINT."""
    in_background = 'trap "" INT; exec pix2pix up'
    other.run("sh", "-c", in_background)
    _start_hello(other, tmp_path / "began")
    other.down()
    assert other.processes() == []
    said = log_path(other.folder, WORKER).read_text()
    assert "Worker 'other-on" in said.splitlines()[-1]


def test_all_ends_with_supervisord_and_the_next_up_starts_anew(
    served: ServedProject, tmp_path: Path
) -> None:
    run_id = _start_hello(served, tmp_path / "began")
    before = served.processes()
    psutil.Process(supervisord.control(served.folder).getPID()).kill()
    said = served.up()
    assert said.stdout.count("(started)") == 3
    assert "supervisord has ended" in said.stderr
    assert not any(map(is_alive, before))
    served.wait(run_id, "CRASHED")


def _start_hello(project: ServedProject, seen: Path) -> str:
    """Start a flow run that lasts ten minutes; its identifier, when it is under way."""
    run_id = project.start(HELLO, seen=str(seen), sleep_s=600.0)
    wait_for(seen.exists, limit_s=60)
    return run_id


def test_a_folder_that_takes_the_deployments_over_can_use_these_servers(
    served: ServedProject, other: ServedProject
) -> None:
    other.variables["PREFECT_API_URL"] = served.api
    other.variables["MLFLOW_TRACKING_URI"] = served.mlflow_url
    assert other.up(check=False).returncode == 1
    assert other.programs() == {}
    other.run("prefect", "deploy", "--all")
    said = other.up().stdout
    assert said.count("not started here") == 2
    assert set(other.programs()) == {WORKER}
    assert not (other.folder / "prefect.toml").exists()
    other.down()
    assert answer(f"{served.api}/health") == "true"
