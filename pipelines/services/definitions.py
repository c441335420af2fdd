"""The three services: their commands, their environments, and what has to stay the same."""

import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines.services.addresses import HOST, Address
from pipelines.services.databases import Databases
from pipelines.services.layout import MLFLOW_SERVER, PREFECT_SERVER, WORKER, prefect_home
from pipelines.services.processes import Service
from pipelines.tracking.uri import artifact_location, without_password

POOL = "pix2pix"
HEARTBEAT_S = 30  # Prefect's shortest

_DATABASES = ("DATABASE_URL", "PREFECT_SERVER_DATABASE_CONNECTION_URL", "MLFLOW_BACKEND_STORE_URI")


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """The project's folder, the servers it uses, and the variables of who called."""

    project: Path
    prefect: Address
    mlflow: Address
    databases: Databases | None
    environment: Mapping[str, str]


def prefect_server(site: Site) -> Service:
    """Prefect's API, UI and schedules, over SQLite in its home or over PostgreSQL."""
    where = {
        "PREFECT_HOME": str(prefect_home(site.project).resolve()),
        "PREFECT_API_URL": site.prefect.url,  # the links in notifications start with it
        "PREFECT_SERVER_API_HOST": HOST,
        "PREFECT_SERVER_API_PORT": str(site.prefect.port),
    }
    if site.databases is not None:
        where["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = site.databases.prefect
    environment = {**site.environment, **where}
    database = environment.get("PREFECT_SERVER_DATABASE_CONNECTION_URL", "SQLite")
    return Service(
        name=PREFECT_SERVER,
        command=_python("prefect", "--no-prompt", "server", "start"),
        environment=_without(environment, "DATABASE_URL", "MLFLOW_BACKEND_STORE_URI"),
        facts={"url": site.prefect.url, "database": without_password(database)},
    )


def mlflow_server(site: Site) -> Service:
    """MLflow's API and UI, over the database that is used without a server, or over PostgreSQL."""
    store = _mlflow_store(site) if site.databases is None else site.databases.mlflow
    port = str(site.mlflow.port)
    where = {
        **_artifacts(site, store),
        # In the environment: a command line, and the password in it, is shown to everybody.
        "MLFLOW_BACKEND_STORE_URI": store,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # processes for what is not used here
    }
    others = ("DATABASE_URL", "PREFECT_SERVER_DATABASE_CONNECTION_URL", "MLFLOW_TRACKING_URI")
    options = ("--host", HOST, "--port", port, "--workers", "1", "--serve-artifacts")
    return Service(
        name=MLFLOW_SERVER,
        command=_python("mlflow", "server", *options),
        environment=_without({**_with_tools(site.environment), **where}, *others),
        facts={"url": site.mlflow.url, "database": without_password(store)},
    )


def worker(site: Site) -> Service:
    """The process that starts the flow runs of the pool."""
    options = ("--pool", POOL, "--type", "process", "--name", worker_name(site.project))
    fixed = ("--install-policy", "never", "--no-create-pool-if-not-found")
    return Service(
        name=WORKER,
        command=_python("prefect", "--no-prompt", "worker", "start", *options, *fixed),
        environment=client_environment(site),
        facts={
            "PREFECT_API_URL": site.prefect.url,
            "MLFLOW_TRACKING_URI": without_password(site.mlflow.url),
        },
    )


def client_environment(site: Site) -> dict[str, str]:
    """What the worker, its flow runs and `prefect deploy` see."""
    where = {
        "PREFECT_API_URL": site.prefect.url,
        "MLFLOW_TRACKING_URI": site.mlflow.url,
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_S),
    }
    if not site.prefect.is_elsewhere:  # one elsewhere may need the login in the user's own home
        where["PREFECT_HOME"] = str(prefect_home(site.project).resolve())
    return _without({**_with_tools(site.environment), **where}, *_DATABASES)


def worker_name(project: Path) -> str:
    """The same after a restart, another one for another folder or machine."""
    return f"{project.resolve().name} on {platform.node()}"


def _mlflow_store(site: Site) -> str:
    """The database that the user names, or `mlflow.db`, which is used where no server runs."""
    uri = site.environment.get("MLFLOW_TRACKING_URI", "")
    if not uri or uri.startswith(("http://", "https://")):
        uri = site.environment.get("MLFLOW_BACKEND_STORE_URI") or "sqlite:///mlflow.db"
    if not uri.startswith("sqlite:///"):
        return uri
    return f"sqlite:///{site.project.resolve() / uri.removeprefix('sqlite:///')}"


def _artifacts(site: Site, store: str) -> dict[str, str]:
    """Where files go: with SQLite to the paths that are used without a server, so that a run made
    in either way opens in the other; with another database through the server.
    """
    if "MLFLOW_ARTIFACTS_DESTINATION" in site.environment:
        return {}
    beside = artifact_location(store)
    if beside is None:
        return {"MLFLOW_ARTIFACTS_DESTINATION": (site.project.resolve() / "mlartifacts").as_uri()}
    return {"MLFLOW_ARTIFACTS_DESTINATION": beside, "MLFLOW_DEFAULT_ARTIFACT_ROOT": beside}


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module, *arguments)


def _with_tools(environment: Mapping[str, str]) -> dict[str, str]:
    """With this interpreter's programs before all others: both tools start some by name."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', os.defpath)}"
    return {**environment, "PATH": path}


def _without(environment: Mapping[str, str], *names: str) -> dict[str, str]:
    return {key: value for key, value in environment.items() if key not in names}
