"""A small project with one flow, in which `python -m pipelines.services` is run as by a user."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from prefect.client.orchestration import SyncPrefectClient

from pipelines.services.layout import MLFLOW_SERVER, PREFECT_SERVER, WORKER
from pipelines.services.prefect_setup import prefect_client
from pipelines.services.process_tree import is_alive
from tests.pipelines.mlflow_process import closed_port

ROOT = Path(__file__).parents[3]
SERVICES = (PREFECT_SERVER, MLFLOW_SERVER, WORKER)

# Variables of whoever runs the tests that would lead to servers of theirs.
_THEIRS = ("PREFECT_", "MLFLOW_", "DATABASE_URL", "PIX2PIX_")

_FLOW = """
import json
import os
from pathlib import Path

import mlflow
from prefect import flow


@flow(log_prints=True)
def hello(fails: bool = False) -> None:
    names = ("PATH", "PREFECT_API_URL", "MLFLOW_TRACKING_URI", "PREFECT_FLOWS_HEARTBEAT_FREQUENCY")
    Path("seen.json").write_text(json.dumps({name: os.environ[name] for name in names}))
    if fails:
        raise ValueError("as asked")
    with mlflow.start_run(run_name="by a flow"):
        mlflow.log_text("kept", "note.txt")
"""

_PREFECT_YAML = """
deployments:
  - name: hello
    entrypoint: hello.py:hello
    work_pool: {name: pix2pix}
    schedules:
      - {cron: "0 3 1 1 *", active: false}
"""


@dataclass
class Project:
    """Its folder, and the variables of the shell in it."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def up(self, *options: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "pipelines.services", "up", *options, check=check)

    def down(self) -> str:
        return self.run(sys.executable, "-m", "pipelines.services", "down").stdout

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment(), capture_output=True, text=True
        )
        if check and done.returncode:
            pytest.fail(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
        return done

    def environment(self) -> dict[str, str]:
        mine = {key: value for key, value in os.environ.items() if not key.startswith(_THEIRS)}
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        mine |= {"PYTHONPATH": path, "HOME": str(self.folder), "DO_NOT_TRACK": "1"}
        mine |= {"MLFLOW_DISABLE_TELEMETRY": "true", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
        return mine | self.variables

    @property
    def prefect_url(self) -> str:
        return f"http://127.0.0.1:{self.variables['PREFECT_SERVER_API_PORT']}/api"

    @property
    def mlflow_url(self) -> str:
        return f"http://127.0.0.1:{self.variables['MLFLOW_PORT']}"

    @contextmanager
    def client(self) -> Iterator[SyncPrefectClient]:
        with prefect_client(self.prefect_url) as client:
            yield client

    def recorded(self) -> dict[str, int]:
        """The number of each service's process, as it was recorded."""
        paths = {name: self.folder / ".services" / f"{name}.json" for name in SERVICES}
        return {name: json.loads(p.read_text())["pid"] for name, p in paths.items() if p.exists()}

    def processes(self) -> list[psutil.Process]:
        """Every living process that was started with this folder as Prefect's home or store."""
        found = []
        for process in psutil.process_iter():
            try:
                belongs = str(self.folder) in process.environ().get("PREFECT_HOME", "") or str(
                    self.folder
                ) in process.environ().get("MLFLOW_BACKEND_STORE_URI", "")
            except (psutil.Error, OSError):
                continue
            if belongs and is_alive(process):
                found.append(process)
        return found

    def end(self) -> None:
        """Leave nothing behind, whatever the test did."""
        self.run(sys.executable, "-m", "pipelines.services", "down", check=False)
        for process in self.processes():
            process.kill()


def new_project(folder: Path, **variables: str) -> Project:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hello.py").write_text(_FLOW)
    (folder / "prefect.yaml").write_text(_PREFECT_YAML)
    ports = {"PREFECT_SERVER_API_PORT": str(closed_port()), "MLFLOW_PORT": str(closed_port())}
    # The worker looks for runs every ten seconds; a test need not wait as long.
    return Project(folder, {**ports, "PREFECT_WORKER_QUERY_SECONDS": "2", **variables})


def answer(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as response:
        return response.read().decode()
