"""The three programs that supervisord runs: their commands and their variables."""

import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines.flows.names import POOL
from pipelines.services.addresses import HOST
from pipelines.services.layout import MLFLOW_SERVER, PREFECT_SERVER, WORKER
from pipelines.services.site import Site, client_variables

_PYTHON = Path(sys.executable).name  # its folder is the first in PATH


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """A program that supervisord runs. `variables` are written to a file: no passwords."""

    name: str
    command: tuple[str, ...]
    variables: Mapping[str, str]
    grace_s: int = 15  # time to end after SIGTERM
    linger_s: int = 5  # time for what the program leaves behind


def programs(site: Site) -> list[Program]:
    """The programs of this folder, in the order in which they are started.

    They are stopped in the opposite order: flow runs that end report to both servers.
    """
    servers = [] if site.prefect.is_elsewhere else [_prefect_server(site)]
    servers += [] if site.mlflow.is_elsewhere else [_mlflow_server(site)]
    return [*servers, _worker(site)]


def worker_name(project: Path) -> str:
    """The same name after a restart, another name in another folder or machine."""
    return re.sub(r"[^\w.-]+", "-", f"{project.resolve().name}-on-{platform.node()}")


def _prefect_server(site: Site) -> Program:
    """Prefect's API, UI and schedules."""
    return Program(
        name=PREFECT_SERVER,
        command=_module("prefect", "--no-prompt", "server", "start"),
        variables={
            "PREFECT_API_URL": site.prefect.url,  # the links in notifications start with it
            "PREFECT_SERVER_API_HOST": HOST,
            "PREFECT_SERVER_API_PORT": str(site.prefect.port),
        },
    )


def _mlflow_server(site: Site) -> Program:
    """MLflow's API and UI."""
    options = ("--host", HOST, "--port", str(site.mlflow.port), "--workers", "1")
    return Program(
        name=MLFLOW_SERVER,
        command=_module("mlflow", "server", *options, "--serve-artifacts"),
        # Without processes for what is not used here.
        variables={"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
    )


def _worker(site: Site) -> Program:
    """The process that starts the flow runs of the pool."""
    options = ("--pool", POOL, "--type", "process", "--name", worker_name(site.project))
    fixed = ("--install-policy", "never", "--no-create-pool-if-not-found")
    return Program(
        name=WORKER,
        command=_module("prefect", "--no-prompt", "worker", "start", *options, *fixed),
        variables=client_variables(site),
        grace_s=40,  # a flow run waits 25 s for its stage
        linger_s=140,  # a stage that has lost its flow run has two minutes to save
    )


def _module(name: str, *arguments: str) -> tuple[str, ...]:
    return (_PYTHON, "-m", name, *arguments)
