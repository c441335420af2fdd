"""`make up`: start what is missing, wait until it works, leave nothing behind if it does not."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from pipelines.flows import automations
from pipelines.services.addresses import Address, mlflow_address, prefect_address
from pipelines.services.databases import parse_database_url
from pipelines.services.definitions import Site, client_environment
from pipelines.services.deployments import check_forms, deploy
from pipelines.services.health import answers, reach_prefect
from pipelines.services.layout import MLFLOW_SERVER, PREFECT_SERVER, locked
from pipelines.services.prefect_setup import ensure_pool, ensure_training_limit, prefect_client
from pipelines.services.prefect_toml import write_prefect_toml
from pipelines.services.processes import read_record
from pipelines.services.starting import start_servers, start_worker
from pipelines.tracking.uri import reach


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How much runs at once; None leaves what the server has, at first 4 and 1."""

    concurrency: int | None = None
    training_slots: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """What runs after `up`; `started` names what this call has started."""

    prefect: Address
    mlflow: Address
    started: tuple[str, ...]
    is_deployed: bool
    automations: tuple[str, ...]
    has_prefect_toml: bool


def up(project: Path, *, environment: Mapping[str, str], limits: Limits) -> Running:
    """Start what does not run yet: the two servers, then what needs them.

    Raises UserError or an OSError that says what to do, after stopping what this call started. A
    params.yaml that cannot be read is such an error: nobody could fill in the forms.
    """
    check_forms(project)
    with locked(project), ExitStack() as undo:
        site = _site(project, environment)
        started = start_servers(site, undo=undo)
        with prefect_client(site.prefect.url) as client:
            ensure_pool(client, concurrency=limits.concurrency)
            ensure_training_limit(client, slots=limits.training_slots)
            started += start_worker(site, client, undo=undo)
            is_deployed = deploy(project, client, client_environment(site))
            registered = automations.register(client)
        has_toml = not site.prefect.is_elsewhere and write_prefect_toml(project, site.prefect.url)
        undo.pop_all()
    return Running(
        prefect=site.prefect,
        mlflow=site.mlflow,
        started=tuple(started),
        is_deployed=is_deployed,
        automations=tuple(registered),
        has_prefect_toml=has_toml,
    )


def _site(project: Path, environment: Mapping[str, str]) -> Site:
    """Raises ConnectionError if a server elsewhere does not answer."""
    prefect = _address(project, PREFECT_SERVER, prefect_address(environment))
    mlflow = _address(project, MLFLOW_SERVER, mlflow_address(environment))
    if prefect.is_elsewhere:
        reach_prefect(prefect.health_url)
    if mlflow.is_elsewhere:
        reach(mlflow.url)
    url = environment.get("DATABASE_URL")
    return Site(
        project=project,
        prefect=prefect,
        mlflow=mlflow,
        databases=parse_database_url(url) if url else None,
        environment=environment,
    )


def _address(project: Path, name: str, address: Address) -> Address:
    """Somebody else's server, if the user names one at our own port and it is there."""
    if address.is_named and read_record(project, name) is None and answers(address.health_url):
        return address.elsewhere()
    return address
