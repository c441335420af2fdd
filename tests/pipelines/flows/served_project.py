"""A project with its servers and worker, used through commands as a person uses it."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.pipelines.conftest import Project, copy_project
from tests.pipelines.mlflow_process import closed_port

TERMINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")

# Everything is small but the training, which is long enough to be cut off in the middle.
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
    "num_decay_epochs": "1",
    "best_from_epoch": "1",
    "num_bootstrap": "100",
}


@dataclass(frozen=True)
class ServedProject(Project):
    """`up` has been run in it."""

    prefect_port: int
    mlflow_port: int

    def environment(self) -> dict[str, str]:
        return super().environment() | {
            "PREFECT_SERVER_API_PORT": str(self.prefect_port),
            "MLFLOW_PORT": str(self.mlflow_port),
            "RAY_worker_niceness": "0",
        }

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.prefect_port}/api"

    @property
    def mlflow_url(self) -> str:
        return f"http://127.0.0.1:{self.mlflow_port}"

    def start(self, deployment: str, **parameters: Any) -> str:
        """`prefect deployment run`; the flow run's identifier."""
        said = self.run("prefect", "deployment", "run", deployment, *_arguments(parameters))
        line = next(line for line in said.stdout.splitlines() if "UUID" in line)
        return line.split()[-1]

    def refuse(self, deployment: str, **parameters: Any) -> str:
        """What `prefect deployment run` says where it fails."""
        done = self.run(
            "prefect", "deployment", "run", deployment, *_arguments(parameters), check=False
        )
        assert done.returncode != 0
        return done.stdout + done.stderr

    def flow_run(self, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(f"{self.api}/flow_runs/{run_id}").json()
        return found

    def wait(self, run_id: str, *states: str, limit_s: float = 400) -> dict[str, Any]:
        """The flow run when it has one of the states, or has ended."""
        deadline_s = time.monotonic() + limit_s
        while True:
            run = self.flow_run(run_id)
            if run["state_type"] in states + TERMINAL:
                assert not states or run["state_type"] in states, self.log(run_id)
                return run
            assert time.monotonic() < deadline_s, self.log(run_id)
            time.sleep(0.5)

    def completed(self, run_id: str, **limits: float) -> dict[str, Any]:
        return self.wait(run_id, "COMPLETED", **limits)

    def wait_for_line(self, run_id: str, text: str, *, limit_s: float = 300) -> None:
        """Until the run's log has the text."""
        deadline_s = time.monotonic() + limit_s
        while text not in self.log(run_id):
            assert self.flow_run(run_id)["state_type"] not in TERMINAL, self.log(run_id)
            assert time.monotonic() < deadline_s, self.log(run_id)
            time.sleep(0.3)

    def log(self, run_id: str) -> str:
        lines: list[str] = []
        while True:
            found = self._find("logs", run_id, offset=len(lines), sort="TIMESTAMP_ASC")
            lines += [entry["message"] for entry in found]
            if len(found) < 200:
                return "\n".join(lines)

    def artifacts(self, run_id: str) -> dict[str, dict[str, Any]]:
        """The latest of each key."""
        return {found["key"]: found for found in self._find("artifacts", run_id)}

    def task_runs(self, run_id: str) -> dict[str, str]:
        """State types by name, in the order of their start."""
        body = {
            "flow_runs": {"id": {"any_": [run_id]}},
            "sort": "EXPECTED_START_TIME_ASC",
        }
        found = httpx.post(f"{self.api}/task_runs/filter", json=body).json()
        return {task["name"]: task["state_type"] for task in found}

    def experiments(self) -> dict[str, dict[str, Any]]:
        """What `dvc exp show` says of each experiment of HEAD, by name."""
        shown = json.loads(self.run("dvc", "exp", "show", "--json").stdout)
        head = self.run("git", "rev-parse", "HEAD").stdout.strip()
        baseline = next(entry for entry in shown if entry["rev"] == head)
        found = (item["revs"][-1] for item in baseline["experiments"] or [])
        return {item["name"]: item["data"] for item in found}

    def workspaces(self) -> list[Path]:
        return sorted((self.folder / ".workspaces").glob("*-*"))

    def processes(self) -> list[psutil.Process]:
        """What works in workspaces of this project."""
        found = []
        for process in psutil.process_iter():
            try:
                if str(self.folder / ".workspaces") in process.cwd():
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                pass
        return found

    def _find(self, what: str, run_id: str, **options: Any) -> list[dict[str, Any]]:
        body = {what: {"flow_run_id": {"any_": [run_id]}}, **options}
        found: list[dict[str, Any]] = httpx.post(f"{self.api}/{what}/filter", json=body).json()
        return found


@contextmanager
def served_project(folder: Path) -> Iterator[ServedProject]:
    """A project of tiny parameters between `up` and `down`."""
    copied = copy_project(folder)
    copied.set_params("smoke", **TINY)
    copied.run("git", "-c", "user.name=t", "-c", "user.email=t@l", "commit", "-qam", "Tiny")
    project = ServedProject(folder, closed_port(), closed_port())
    try:
        project.run("python", "-m", "pipelines.services", "up")
        yield project
    finally:
        project.run("python", "-m", "pipelines.services", "down")


def _arguments(parameters: dict[str, Any]) -> list[str]:
    return [
        part for key, value in parameters.items() for part in ("-p", f"{key}={json.dumps(value)}")
    ]
