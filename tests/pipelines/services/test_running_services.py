"""What runs after `up`: found again, kept, mended, and stopped as a whole."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from mlflow import MlflowClient
from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate, WorkPoolUpdate
from prefect.client.schemas.objects import WorkerStatus

from tests.pipelines.services.project import Project, answer

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(600)]

PREFECT = str(Path(sys.executable).parent / "prefect")


def test_after_up_both_servers_answer_and_a_worker_is_online(running: Project) -> None:
    assert answer(f"{running.prefect_url}/health") == "true"
    assert answer(f"{running.mlflow_url}/health") == "OK"
    with running.client() as client:
        pool = client.read_work_pool("pix2pix")
        assert (pool.type, pool.concurrency_limit) == ("process", 4)
        assert client.read_global_concurrency_limit_by_name("pix2pix-training").limit == 1
        workers = client.read_workers_for_work_pool("pix2pix", offset=0, limit=9)
        assert [worker.status for worker in workers] == [WorkerStatus.ONLINE]


def test_a_run_of_a_deployment_sees_both_servers_and_this_interpreter(running: Project) -> None:
    """Typed in the project's folder, no variable set: prefect.toml says where the server is."""
    running.run(PREFECT, "deployment", "run", "hello/hello", "--watch")
    seen = json.loads((running.folder / "seen.json").read_text())
    assert seen["PREFECT_API_URL"] == running.prefect_url
    assert seen["MLFLOW_TRACKING_URI"] == running.mlflow_url
    assert seen["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] == "30"
    assert seen["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)


def test_a_second_up_starts_nothing_and_keeps_what_the_user_changed(running: Project) -> None:
    before = running.recorded()
    with running.client() as client:
        client.update_work_pool("pix2pix", WorkPoolUpdate(concurrency_limit=7))
        changed = GlobalConcurrencyLimitUpdate(limit=3)
        client.update_global_concurrency_limit("pix2pix-training", changed)
        deployment = client.read_deployment_by_name("hello/hello")
        schedule = deployment.schedules[0]
        client.update_deployment_schedule(deployment.id, schedule.id, active=True)
    said = running.up().stdout
    assert said.count("ran already") == 3
    assert running.recorded() == before
    with running.client() as client:
        assert client.read_work_pool("pix2pix").concurrency_limit == 7
        assert client.read_global_concurrency_limit_by_name("pix2pix-training").limit == 3
        assert client.read_deployment_by_name("hello/hello").schedules[0].active
        assert len(client.read_automations()) == 1


def test_limits_that_are_given_are_set(running: Project) -> None:
    running.up("--concurrency", "5", "--training-slots", "2")
    with running.client() as client:
        assert client.read_work_pool("pix2pix").concurrency_limit == 5
        assert client.read_global_concurrency_limit_by_name("pix2pix-training").limit == 2


def test_a_killed_service_is_started_again_and_the_others_are_left(running: Project) -> None:
    """MLflow's server is two processes: the one that is left holds the port."""
    before = running.recorded()
    os.kill(before["mlflow-server"], signal.SIGKILL)
    said = running.up().stdout
    after = running.recorded()
    assert said.count("ran already") == 2
    assert after["mlflow-server"] != before["mlflow-server"]
    assert after | {"mlflow-server": 0} == before | {"mlflow-server": 0}
    assert answer(f"{running.mlflow_url}/health") == "OK"


def test_a_killed_worker_is_replaced_by_one_that_reports(running: Project) -> None:
    """The server takes the killed one for online still; `up` waits for a newer report."""
    os.kill(running.recorded()["worker"], signal.SIGKILL)
    killed_s = time.time()
    running.up()
    with running.client() as client:
        worker = client.read_workers_for_work_pool("pix2pix", offset=0, limit=9)[0]
    assert worker.last_heartbeat_time is not None
    assert worker.last_heartbeat_time.timestamp() > killed_s


def test_another_project_can_use_these_servers(running: Project, stopped: Project) -> None:
    stopped.variables |= {
        "PREFECT_API_URL": running.prefect_url,
        "MLFLOW_TRACKING_URI": running.mlflow_url,
    }
    said = stopped.up().stdout
    assert said.count("not started here") == 2
    assert set(stopped.recorded()) == {"worker"}
    assert not (stopped.folder / "prefect.toml").exists()
    stopped.down()
    assert answer(f"{running.prefect_url}/health") == "true"


def test_runs_outlive_a_restart_and_nothing_is_stopped_but_what_up_started(
    running: Project,
) -> None:
    running.run(PREFECT, "deployment", "run", "hello/hello", "--watch")
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        with running.client() as client:
            before = {run.id for run in client.read_flow_runs()}
        started = [psutil.Process(pid) for pid in running.recorded().values()]
        assert running.down() == "stopped: worker, prefect-server, mlflow-server\n"
        assert running.processes() == []
        assert not any(process.is_running() and _lives(process) for process in started)
        assert not (running.folder / "prefect.toml").exists()
        assert running.down() == "nothing runs here\n"
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
    running.up()
    with running.client() as client:
        assert before
        assert before <= {run.id for run in client.read_flow_runs()}
    assert "by a flow" in _run_names(running.mlflow_url)


def _lives(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def _run_names(uri: str) -> list[str]:
    client = MlflowClient(uri)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    return [run.info.run_name for run in client.search_runs(experiments)]
