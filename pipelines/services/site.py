"""The project's folder, the servers that it uses, and the environment of its programs."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines.processes.http_address import is_http
from pipelines.processes.server_check import check_answer, is_answering
from pipelines.processes.shell import path_with_tools
from pipelines.services.addresses import Address, mlflow_address, prefect_address
from pipelines.services.layout import MLFLOW_SERVER, PREFECT_SERVER, prefect_home
from pipelines.tracking.uri import artifact_location, reach, sqlite_path

_ELSEWHERE_S = 10.0
_MLFLOW_DATABASE = "MLFLOW_BACKEND_STORE_URI"
# The second one is Prefect's older name of the first one.
_PREFECT_DATABASES = (
    "PREFECT_SERVER_DATABASE_CONNECTION_URL",
    "PREFECT_API_DATABASE_CONNECTION_URL",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """What `up` works on; `environment` holds the variables of the shell that has called it."""

    project: Path
    prefect: Address
    mlflow: Address
    environment: Mapping[str, str]

    def servers_here(self) -> dict[str, Address]:
        """The servers that run in this folder, by the names of their programs."""
        servers = {PREFECT_SERVER: self.prefect, MLFLOW_SERVER: self.mlflow}
        return {name: each for name, each in servers.items() if not each.is_elsewhere}


def find_site(project: Path, environment: Mapping[str, str], *, running: Collection[str]) -> Site:
    """The site that the variables describe, where the programs `running` run already.

    Raises ConnectionError if a server elsewhere does not answer.
    """
    prefect, mlflow = prefect_address(environment), mlflow_address(environment)
    if PREFECT_SERVER not in running:
        prefect = _elsewhere_if_there(prefect)
    if MLFLOW_SERVER not in running:
        mlflow = _elsewhere_if_there(mlflow)
    if prefect.is_elsewhere:
        _reach_prefect(prefect)
    if mlflow.is_elsewhere:
        reach(mlflow.url)
    return Site(project=project, prefect=prefect, mlflow=mlflow, environment=environment)


def inherited_environment(site: Site) -> dict[str, str]:
    """The variables that all programs inherit: those of the shell, and what may hold a password.

    Passwords are handed on in this way only: everybody may see a command line.
    """
    # Both tools start programs of this interpreter by their names.
    environment = {**site.environment, "PATH": path_with_tools(site.environment)}
    if not site.prefect.is_elsewhere:  # a server elsewhere may need the login in the user's home
        environment["PREFECT_HOME"] = str(prefect_home(site.project).resolve())
    if not site.mlflow.is_elsewhere:
        store = mlflow_database(site)
        environment |= {_MLFLOW_DATABASE: store, **_artifact_variables(site, store)}
        environment.pop("MLFLOW_TRACKING_URI", None)  # MLflow's server would read it
    return environment


def client_variables(site: Site) -> dict[str, str]:
    """What clients of the servers here need. The URL of a server elsewhere is inherited."""
    here = {"PREFECT_API_URL": site.prefect, "MLFLOW_TRACKING_URI": site.mlflow}
    return {name: server.url for name, server in here.items() if not server.is_elsewhere}


def client_environment(site: Site) -> dict[str, str]:
    """All variables of the worker, of its flow runs and of `prefect deploy`."""
    return inherited_environment(site) | client_variables(site)


def prefect_database(site: Site) -> str:
    """The database that the user names by a variable of Prefect, or SQLite in Prefect's home."""
    named = (site.environment.get(name) for name in _PREFECT_DATABASES)
    return next(filter(None, named), f"SQLite in {prefect_home(Path())}")


def mlflow_database(site: Site) -> str:
    """The database that the user names, or `mlflow.db`, which is used where no server runs."""
    uri = site.environment.get("MLFLOW_TRACKING_URI", "")
    if not uri or is_http(uri):
        uri = site.environment.get(_MLFLOW_DATABASE) or "sqlite:///mlflow.db"
    path = sqlite_path(uri)
    return uri if path is None else f"sqlite:///{site.project.resolve() / path}"


def _elsewhere_if_there(address: Address) -> Address:
    """Somebody else's server, if the user names a server at our own port and it is there."""
    if address.is_named and is_answering(address.health_url):
        return address.elsewhere()
    return address


def _reach_prefect(address: Address) -> None:
    try:
        check_answer(address.health_url, timeout_s=_ELSEWHERE_S)
    except ConnectionError as error:
        raise ConnectionError(
            f"Prefect at {address.url} cannot be used: {error}\nStart the server there, or unset "
            "PREFECT_API_URL to have one started here."
        ) from None


def _artifact_variables(site: Site, store: str) -> dict[str, str]:
    """Where MLflow's server puts files.

    With SQLite these are the paths that are used without a server, so that a run made in either
    way opens in the other; with another database, files go through the server.
    """
    if site.environment.get("MLFLOW_ARTIFACTS_DESTINATION"):
        return {}
    beside = artifact_location(store)
    if beside is None:
        return {"MLFLOW_ARTIFACTS_DESTINATION": (site.project.resolve() / "mlartifacts").as_uri()}
    return {"MLFLOW_ARTIFACTS_DESTINATION": beside, "MLFLOW_DEFAULT_ARTIFACT_ROOT": beside}
