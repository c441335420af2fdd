"""Starting the programs that do not run yet, each when what it needs is ready."""

from collections.abc import Callable
from functools import partial

from prefect.client.orchestration import SyncPrefectClient

from pipelines.processes.server_check import is_answering
from pipelines.services import supervisord
from pipelines.services.addresses import check_free
from pipelines.services.health import wait_until_healthy
from pipelines.services.layout import WORKER, conf_path
from pipelines.services.prefect_setup import is_online, last_heartbeat
from pipelines.services.programs import worker_name
from pipelines.services.site import Site, inherited_environment
from pipelines.services.supervisord_conf import check_same, conf_text
from pix2pix.files import write_text


def start_servers(site: Site) -> None:
    """Start the servers of this folder that do not run; return when all of them answer.

    Raises UserError or an OSError that says what to do.
    """
    servers, running = site.servers_here(), supervisord.running_programs(site.project)
    is_managed = supervisord.is_running(site.project)
    if is_managed:
        socket = supervisord.socket_path(site.project)
        assert socket is not None  # it has answered there
        running_conf = conf_path(site.project).read_text(encoding="utf-8")
        check_same(running_conf, conf_text(site, socket=socket))
    else:
        supervisord.shut_down(site.project)  # what a killed or an ending one has left
    missing = [name for name in servers if name not in running]
    for name in missing:
        check_free(servers[name])
    if not is_managed:
        _start_supervisord(site)
    for name in missing:
        supervisord.start_program(site.project, name)
    checks = {name: partial(is_answering, server.health_url) for name, server in servers.items()}
    wait_until_healthy(site.project, checks)


def start_worker(site: Site, client: SyncPrefectClient) -> Callable[[], None]:
    """Start the worker if it does not run; return what waits until the server has heard from it.

    Both raise UserError or an OSError that says what to do.
    """
    name, before = worker_name(site.project), None
    if WORKER not in supervisord.running_programs(site.project):
        before = last_heartbeat(client, name)
        supervisord.start_program(site.project, WORKER)
    is_healthy = partial(is_online, client, name, since=before)
    return partial(wait_until_healthy, site.project, {WORKER: is_healthy})


def _start_supervisord(site: Site) -> None:
    socket = supervisord.new_socket_path()
    write_text(conf_path(site.project), conf_text(site, socket=socket))
    supervisord.start(site.project, socket_file=socket, environment=inherited_environment(site))
