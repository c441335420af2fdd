"""A project with servers and a worker of its own, used through commands as a person uses it."""

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
from mlflow import MlflowClient
from prefect.client.orchestration import SyncPrefectClient

from pipelines.flows.server import prefect_client
from pipelines.processes.tree import is_alive
from pipelines.services import supervisord
from tests.support.mlflow_process import closed_port
from tests.support.project import Project, copy_project

HELLO, TRAIN = "hello/hello", "train-pix2pix/train-pix2pix"
TERMINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")

# Variables of whoever runs the tests that would lead to servers of theirs.
_THEIRS = ("PREFECT_", "MLFLOW_", "SUPERVISOR_", "RAY_ADDRESS")

TINY = {
    "name": "tiny",
    "num_train": "16",
    "num_test": "4",
    "size_px": "64",
    "image_size": "32",
    "load_size": "36",
    "base_channels": "4",
    "discriminator_channels": "4",
    "discriminator_layers": "1",
    "num_epochs": "1",
    "num_decay_epochs": "0",
    "best_from_epoch": "1",
    "num_bootstrap": "100",
}

# A flow that takes no time, for what is to be seen of any flow.
_HELLO = '''
import json
import os
import time
from pathlib import Path

from prefect import flow


@flow
def hello(seen: str, sleep_s: float = 0.0) -> None:
    """Say what it sees, in a file."""
    Path(seen).write_text(json.dumps(dict(os.environ)))
    time.sleep(sleep_s)
'''
_HELLO_DEPLOYMENT = """
  - name: hello
    entrypoint: hello.py:hello
    tags: [pix2pix]
    work_pool: *pool
"""


@dataclass(frozen=True)
class ServedProject(Project):
    """A project with ports of its own; `variables` are those of the shell in it."""

    variables: dict[str, str] = field(default_factory=dict)
    # One for all: making one reads the certificates of the system, which takes longer than asking.
    http: httpx.Client = field(default_factory=httpx.Client, compare=False, repr=False)

    def environment(self) -> dict[str, str]:
        theirs = {k: v for k, v in super().environment().items() if not k.startswith(_THEIRS)}
        return theirs | {"HOME": str(self.folder.parent), **self.variables}

    def up(self, *options: str, check: bool = True) -> Any:
        return self.run("pix2pix", "up", *options, check=check)

    def down(self) -> str:
        return self.run("pix2pix", "down").stdout

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.variables['PREFECT_SERVER_API_PORT']}/api"

    @property
    def mlflow_url(self) -> str:
        return f"http://127.0.0.1:{self.variables['MLFLOW_PORT']}"

    @contextmanager
    def client(self) -> Iterator[SyncPrefectClient]:
        with prefect_client(self.api) as client:
            yield client

    def start(self, deployment: str, **parameters: Any) -> str:
        """Queue a run of a deployment; the flow run's identifier."""
        with self.client() as client:
            known = client.read_deployment_by_name(deployment)
            return str(client.create_flow_run_from_deployment(known.id, parameters=parameters).id)

    def flow_run(self, run_id: str) -> dict[str, Any]:
        run: dict[str, Any] = self.http.get(f"{self.api}/flow_runs/{run_id}").json()
        return run

    def wait(self, run_id: str, *states: str, limit_s: float = 400) -> dict[str, Any]:
        """The flow run when it has one of the states, or has ended."""
        ends = states + TERMINAL

        def is_over() -> bool:
            return self.flow_run(run_id)["state_type"] in ends

        wait_for(is_over, limit_s=limit_s, why=lambda: self.log(run_id))
        run = self.flow_run(run_id)
        assert not states or run["state_type"] in states, self.log(run_id)
        return run

    def completed(self, run_id: str, **limits: float) -> dict[str, Any]:
        return self.wait(run_id, "COMPLETED", **limits)

    def wait_for_training(self, run_id: str) -> Path:
        """Until a training of the run has a checkpoint; the workspace in which it works."""

        def training() -> list[Path]:
            assert self.flow_run(run_id)["state_type"] not in TERMINAL, self.log(run_id)
            return [w for w in self.workspaces() if checkpoints(w)]

        wait_for(training, limit_s=300, why=lambda: self.log(run_id))
        (workspace,) = training()
        return workspace

    def flow_process(self, run_id: str) -> psutil.Process:
        pid = self.flow_run(run_id)["infrastructure_pid"].rpartition(":")[2]
        return psutil.Process(int(pid))

    def log(self, run_id: str) -> str:
        lines: list[str] = []
        while True:
            page = self._find("logs", run_id, offset=len(lines), sort="TIMESTAMP_ASC")
            lines += [entry["message"] for entry in page]
            if len(page) < 200:
                return "\n".join(lines)

    def artifacts(self, run_id: str) -> dict[str, dict[str, Any]]:
        """The latest of each key."""
        return {artifact["key"]: artifact for artifact in self._find("artifacts", run_id)}

    def task_runs(self, run_id: str) -> dict[str, str]:
        """State types by name, in the order of their start."""
        body = {
            "flow_runs": {"id": {"any_": [run_id]}},
            "sort": "EXPECTED_START_TIME_ASC",
        }
        tasks = self.http.post(f"{self.api}/task_runs/filter", json=body).json()
        return {task["name"]: task["state_type"] for task in tasks}

    def experiments(self) -> dict[str, dict[str, Any]]:
        """What `dvc exp show` says of each experiment of HEAD, by name."""
        entries = json.loads(self.run("dvc", "exp", "show", "--json").stdout)
        head = self.run("git", "rev-parse", "HEAD").stdout.strip()
        baseline = next(entry for entry in entries if entry["rev"] == head)
        newest = (item["revs"][-1] for item in baseline["experiments"] or [])
        return {item["name"]: item["data"] for item in newest}

    def experiment_of(self, run_id: str) -> str:
        """The name of the DVC experiment that a flow run has made."""
        form = "--format=%(refname:lstrip=4)"  # refs/exps/ab/cdef.../NAME
        names = self.run("git", "for-each-ref", form, "refs/exps").stdout.split()
        return next(name for name in names if name.endswith(run_id[:8]))

    def workspaces(self) -> list[Path]:
        return sorted((self.folder / ".workspaces").glob("*-*"))

    def programs(self) -> dict[str, psutil.Process]:
        """The processes of the programs that run, without their guardians."""
        if not supervisord.is_running(self.folder):
            return {}
        known = supervisord.control(self.folder).getAllProcessInfo()
        guardians = {each["name"]: psutil.Process(each["pid"]) for each in known if each["pid"]}
        return {name: guardian.children()[0] for name, guardian in guardians.items()}

    def processes(self) -> list[psutil.Process]:
        """Every living process of the services, supervisord included, and of the workspaces."""
        processes = []
        for process in psutil.process_iter():
            try:
                belongs = (
                    self._owns(process.environ())
                    or str(self.folder / ".workspaces") in process.cwd()
                )
            except (psutil.Error, OSError):
                continue
            if belongs and is_alive(process):
                processes.append(process)
        return processes

    def end(self) -> None:
        """Leave nothing behind, whatever the test did."""
        self.run("pix2pix", "down", check=False)
        for process in self.processes():
            process.kill()

    def _owns(self, environment: dict[str, str]) -> bool:
        names = ("PREFECT_HOME", "MLFLOW_BACKEND_STORE_URI")
        return any(str(self.folder) in environment.get(name, "") for name in names)

    def _find(self, what: str, run_id: str, **options: Any) -> list[dict[str, Any]]:
        body = {what: {"flow_run_id": {"any_": [run_id]}}, **options}
        objects: list[dict[str, Any]] = self.http.post(
            f"{self.api}/{what}/filter", json=body
        ).json()
        return objects


def new_project(folder: Path) -> ServedProject:
    """A project of tiny parameters in which nothing runs yet."""
    folder.mkdir(parents=True)
    copied = copy_project(folder)
    copied.set_params("smoke", **TINY)
    (folder / "hello.py").write_text(_HELLO)
    deployments = (folder / "prefect.yaml").read_text()
    (folder / "prefect.yaml").write_text(deployments + _HELLO_DEPLOYMENT)
    copied.run("git", "add", "-A")
    copied.commit("Tiny")
    ports = {"PREFECT_SERVER_API_PORT": str(closed_port()), "MLFLOW_PORT": str(closed_port())}
    # The worker looks for runs every ten seconds; a test need not wait as long.
    return ServedProject(folder, {**ports, "PREFECT_WORKER_QUERY_SECONDS": "1"})


@contextmanager
def ending(project: ServedProject) -> Iterator[ServedProject]:
    """The project; whatever was started in it is ended afterwards."""
    try:
        yield project
    finally:
        project.end()


@contextmanager
def running(project: ServedProject) -> Iterator[ServedProject]:
    """The project between `up` and `down`."""
    with ending(project):
        project.up()
        yield project


def log_run(client: MlflowClient, name: str, *, artifact_location: str | None = None) -> str:
    """The identifier of a run with a file, the first of its experiment."""
    experiment = client.create_experiment(name, artifact_location)
    run_id: str = client.create_run(experiment).info.run_id
    client.log_text(run_id, "kept", "note.txt")
    return run_id


def checkpoints(workspace: Path) -> list[Path]:
    """Those of a training that goes on there or was cut off."""
    return list(workspace.glob("checkout/.runs/*/checkpoints/*.pt"))


def answer(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as response:
        text: str = response.read().decode()
        return text


def wait_for(
    condition: Callable[[], object], *, limit_s: float, why: Callable[[], object] = str
) -> None:
    """Until the condition holds; what `why` gives is said where it does not in time."""
    deadline_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline_s, why()
        time.sleep(0.3)
