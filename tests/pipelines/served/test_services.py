"""What runs after `up`: left as it is, repaired, and stopped as a whole."""

import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import psutil
import pytest
from mlflow import MlflowClient
from prefect.client.schemas.actions import (
    GlobalConcurrencyLimitUpdate,
    WorkPoolCreate,
    WorkPoolUpdate,
)
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, WorkerStatus

from pipelines.processes.tree import is_alive
from pipelines.services.deployments import check_folder, our_deployments
from pipelines.services.layout import MLFLOW_SERVER, WORKER, log_path
from pipelines.services.up import up
from pix2pix.errors import UserError
from tests.support.mlflow_process import closed_port
from tests.support.served_project import (
    HELLO,
    ServedProject,
    answer,
    ending,
    log_run,
    new_project,
    wait_for,
)

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture
def limits(served: ServedProject) -> Iterator[None]:
    """Set back what `up` sets at first."""
    yield
    _set_limits(served, concurrency=4, slots=1)


@pytest.fixture
def prefect_yaml(served: ServedProject) -> Iterator[Path]:
    """The file of the deployments, set back afterwards."""
    path = served.folder / "prefect.yaml"
    before = path.read_text()
    yield path
    path.write_text(before)


def _set_limits(served: ServedProject, *, concurrency: int, slots: int) -> None:
    with served.client() as client:
        client.update_work_pool("pix2pix", WorkPoolUpdate(concurrency_limit=concurrency))
        changed = GlobalConcurrencyLimitUpdate(limit=slots)
        client.update_global_concurrency_limit("pix2pix-training", changed)


def _limits(served: ServedProject) -> tuple[int | None, int]:
    with served.client() as client:
        pool = client.read_work_pool("pix2pix")
        slots = client.read_global_concurrency_limit_by_name("pix2pix-training").limit
    return pool.concurrency_limit, slots


def test_after_up_both_servers_answer_and_a_worker_is_online(served: ServedProject) -> None:
    assert answer(f"{served.api}/health") == "true"
    assert answer(f"{served.mlflow_url}/health") == "OK"
    assert _limits(served) == (4, 1)
    with served.client() as client:
        assert client.read_work_pool("pix2pix").type == "process"
        workers = client.read_workers_for_work_pool("pix2pix", offset=0, limit=9)
    assert [worker.status for worker in workers] == [WorkerStatus.ONLINE]


def test_a_run_of_a_deployment_sees_both_servers_and_this_interpreter(
    served: ServedProject, tmp_path: Path
) -> None:
    """Typed in the project's folder, no variable set: prefect.toml says where the server is."""
    path = tmp_path / "seen.json"
    served.run("prefect", "deployment", "run", HELLO, "-p", f"seen={path}", "--watch")
    seen = json.loads(path.read_text())
    assert seen["PREFECT_API_URL"] == served.api
    assert seen["MLFLOW_TRACKING_URI"] == served.mlflow_url
    assert seen["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] == "30"
    assert seen["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)


def test_runs_made_without_a_server_show_and_new_ones_open_without_it(
    served: ServedProject,
) -> None:
    without = MlflowClient(f"sqlite:///{served.folder}/mlflow.db")
    client = MlflowClient(served.mlflow_url)
    experiment = client.get_experiment_by_name("before the servers")
    assert experiment is not None
    [old] = client.search_runs([experiment.experiment_id])
    assert client.list_artifacts(old.info.run_id)[0].path == "note.txt"
    page = f"{served.mlflow_url}/get-artifact?run_uuid={old.info.run_id}&path=note.txt"
    assert answer(page) == "kept"
    new = log_run(client, "with the servers")
    assert [file.path for file in without.list_artifacts(new)] == ["note.txt"]


@pytest.mark.usefixtures("limits")
def test_a_second_up_starts_nothing_and_sets_the_limits_that_are_given(
    served: ServedProject,
) -> None:
    before = served.programs()
    running = up(served.folder, environment=served.environment(), concurrency=5, training_slots=2)
    assert (running.started, running.is_deployed) == ((), True)
    assert served.programs() == before
    assert _limits(served) == (5, 2)
    with served.client() as client:
        assert len(client.read_automations()) == 1


@pytest.mark.usefixtures("limits")
def test_killed_programs_are_started_again_and_what_the_user_changed_is_kept(
    served: ServedProject, prefect_yaml: Path
) -> None:
    """MLflow's server is two processes: the one that is left would keep the port.

    Schedules stay as they were switched also where prefect.yaml is another one.
    """
    _set_limits(served, concurrency=7, slots=3)
    _switch_nightly(served, active=True)
    prefect_yaml.write_text(f"{prefect_yaml.read_text()}# changed\n")
    before = served.programs()
    killed = [before[MLFLOW_SERVER], before[WORKER]]
    for process in killed:
        process.kill()
    killed_s = time.time()
    psutil.wait_procs(killed)
    served.up()
    after = served.programs()
    assert {name for name in after if after[name] != before[name]} == {MLFLOW_SERVER, WORKER}
    assert answer(f"{served.mlflow_url}/health") == "OK"
    wait_for(lambda: _last_heartbeat_s(served) > killed_s, limit_s=60)
    assert _limits(served) == (7, 3)
    assert _switch_nightly(served, active=False)


def _last_heartbeat_s(served: ServedProject) -> float:
    with served.client() as client:
        worker = client.read_workers_for_work_pool("pix2pix", offset=0, limit=9)[0]
    assert worker.last_heartbeat_time is not None
    return worker.last_heartbeat_time.timestamp()


def test_other_variables_than_those_of_what_runs_are_refused(served: ServedProject) -> None:
    before = served.programs()
    changed = dataclasses.replace(
        served, variables=served.variables | {"MLFLOW_PORT": str(closed_port())}
    )
    done = changed.up(check=False)
    assert done.returncode == 1
    assert f"{served.mlflow_url}, database" in done.stderr
    assert f"{changed.mlflow_url}, database" in done.stderr
    assert "`make down`" in done.stderr
    assert served.programs() == before


def _switch_nightly(served: ServedProject, *, active: bool) -> bool:
    """Whether the schedule was active."""
    with served.client() as client:
        deployment = client.read_deployment_by_name("train-pix2pix/nightly")
        (schedule,) = deployment.schedules
        client.update_deployment_schedule(deployment.id, schedule.id, active=active)
    return schedule.active


def test_another_folder_may_take_the_deployments_of_a_shared_server_over_only_if_it_says_so(
    served: ServedProject, tmp_path: Path
) -> None:
    _switch_nightly(served, active=True)
    with ending(new_project(tmp_path / "theirs")) as other:
        servers = {"PREFECT_API_URL": served.api, "MLFLOW_TRACKING_URI": served.mlflow_url}
        other.variables.update(servers)
        done = other.up(check=False)
        assert done.returncode == 1
        assert f"run in {served.folder}, and `make up` in {other.folder}" in done.stderr
        assert "`prefect deploy --all`" in done.stderr
        assert other.programs() == {}
        with served.client() as client:
            check_folder(served.folder, client)  # nothing was changed
            other.run("prefect", "deploy", "--all")
            check_folder(other.folder, client)
            with pytest.raises(UserError, match=f"run in {other.folder},"):
                check_folder(served.folder, client)
    assert not _switch_nightly(served, active=True)  # as prefect.yaml has it
    served.up()
    assert _switch_nightly(served, active=False)


def test_the_server_knows_that_one_nightly_run_goes_on_at_a_time(served: ServedProject) -> None:
    with served.client() as client:
        nightly = client.read_deployment_by_name("train-pix2pix/nightly")
    assert nightly.global_concurrency_limit is not None
    assert nightly.global_concurrency_limit.limit == 1
    assert nightly.concurrency_options is not None
    assert nightly.concurrency_options.collision_strategy == ConcurrencyLimitStrategy.CANCEL_NEW


def test_of_a_shared_server_only_the_deployments_of_our_pool_are_read(
    served: ServedProject,
) -> None:
    with served.client() as client:
        client.create_work_pool(WorkPoolCreate(name="theirs", type="process"))
        flow_id = client.create_flow_from_name("of another project")
        client.create_deployment(flow_id, "nightly-report", work_pool_name="theirs")
        names = [each.name for each in our_deployments(client)]
        client.delete_flow(flow_id)
        client.delete_work_pool("theirs")
    assert sorted(names) == [
        "evaluate-pix2pix",
        "hello",
        "nightly",
        "train-pix2pix",
        "translate-pix2pix",
        "tune-pix2pix",
    ]


def test_down_ends_the_flow_runs_then_what_up_started_and_nothing_is_forgotten(
    served: ServedProject, tmp_path: Path
) -> None:
    mlflow_run = log_run(MlflowClient(served.mlflow_url), "outlives a restart")
    run_id = served.start(HELLO, seen=str(tmp_path / "began"), sleep_s=600.0)
    wait_for((tmp_path / "began").exists, limit_s=60)
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        started = served.processes()
        assert served.down() == "stopped: worker, mlflow-server, prefect-server\n"
        assert served.processes() == []
        assert not any(map(is_alive, started))
        assert not (served.folder / "prefect.toml").exists()
        said = log_path(served.folder, WORKER).read_text()
        assert "Worker 'project-on" in said.splitlines()[-1]  # it ended by itself
        assert served.down() == "nothing runs here\n"
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
        served.up()
    with served.client() as client:
        assert client.read_flow_run(UUID(run_id)).state_name == "Crashed"
    assert MlflowClient(served.mlflow_url).list_artifacts(mlflow_run)[0].path == "note.txt"
