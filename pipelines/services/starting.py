"""Starting what does not run yet, so that all of it is stopped again if one part fails."""

from contextlib import ExitStack
from functools import partial
from pathlib import Path

from prefect.client.orchestration import SyncPrefectClient

from pipelines.services.addresses import Address, check_free
from pipelines.services.databases import create_missing
from pipelines.services.definitions import (
    Site,
    mlflow_server,
    prefect_server,
    worker,
    worker_name,
)
from pipelines.services.health import answers, wait_until_healthy
from pipelines.services.layout import MLFLOW_SERVER, PREFECT_SERVER, WORKER, prefect_home
from pipelines.services.prefect_setup import is_online, last_heartbeat
from pipelines.services.processes import Service, is_running, read_record, start
from pipelines.services.stopping import stop_service
from pix2pix.errors import UserError

_MAKERS = {PREFECT_SERVER: prefect_server, MLFLOW_SERVER: mlflow_server}


def start_servers(site: Site, *, undo: ExitStack) -> list[str]:
    """Start the servers of this folder that do not run; return their names when all answer.

    Stopping what was started is put on `undo`. Raises UserError or an OSError.
    """
    here = _servers_here(site)
    services = [_MAKERS[name](site) for name in here]
    missing = [service for service in services if not _runs(site.project, service)]
    for service in missing:
        stop_service(site.project, service.name)  # what one that died left may hold the port
        check_free(here[service.name])
    if site.databases is not None:
        create_missing(site.databases, [name.removesuffix("-server") for name in here])
    prefect_home(site.project).mkdir(parents=True, exist_ok=True)
    for service in missing:
        _start(site.project, service, undo=undo)
    checks = {name: partial(answers, place.health_url) for name, place in here.items()}
    wait_until_healthy(site.project, checks)
    return [service.name for service in missing]


def start_worker(site: Site, client: SyncPrefectClient, *, undo: ExitStack) -> list[str]:
    """Start the worker if it does not run; return its name when the server has heard from it.

    Stopping it is put on `undo`. Raises UserError or an OSError.
    """
    service, name = worker(site), worker_name(site.project)
    started: list[str] = []
    before = None
    if not _runs(site.project, service):
        stop_service(site.project, WORKER)
        before = last_heartbeat(client, name)
        _start(site.project, service, undo=undo)
        started.append(WORKER)
    wait_until_healthy(site.project, {WORKER: partial(is_online, client, name, since=before)})
    return started


def _servers_here(site: Site) -> dict[str, Address]:
    places = {PREFECT_SERVER: site.prefect, MLFLOW_SERVER: site.mlflow}
    return {name: place for name, place in places.items() if not place.is_elsewhere}


def _runs(project: Path, service: Service) -> bool:
    """Whether it runs. Raises UserError if it does, but not as it is asked for now."""
    record = read_record(project, service.name)
    if record is None or not is_running(record):
        return False
    for key, wanted in service.facts.items():
        if record.facts.get(key) != wanted:
            raise UserError(
                f"{service.name} runs with {key} {record.facts.get(key)}, now {wanted} is asked "
                "for; run `make down` first, or set the variables as they were"
            )
    return True


def _start(project: Path, service: Service, *, undo: ExitStack) -> None:
    undo.callback(stop_service, project, service.name)
    start(project, service)
