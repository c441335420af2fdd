"""`make up`: start what is missing, wait until it works, leave nothing behind if it does not."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from pipelines.flows import automations
from pipelines.flows.server import prefect_client
from pipelines.services import supervisord
from pipelines.services.addresses import Address
from pipelines.services.deployments import check_folder, check_forms, deploy
from pipelines.services.layout import locked
from pipelines.services.prefect_setup import ensure_pool, ensure_training_limit
from pipelines.services.prefect_toml import write_prefect_toml
from pipelines.services.site import client_environment, find_site
from pipelines.services.starting import start_servers, start_worker


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """What runs after `up`; `started` names the programs that this call has started."""

    prefect: Address
    mlflow: Address
    started: tuple[str, ...]
    is_deployed: bool
    has_prefect_toml: bool


def up(
    project: Path,
    *,
    environment: Mapping[str, str],
    concurrency: int | None,
    training_slots: int | None,
) -> Running:
    """Start what does not run yet: the two servers, then what needs them.

    At most `concurrency` flow runs and `training_slots` trainings run at once; None leaves what the
    server has.

    Raises UserError or an OSError that says what to do, after stopping what this call has started.
    A params.yaml that cannot be read is such an error: nobody could fill in the forms.
    """
    check_forms(project)
    with locked(project), ExitStack() as undo:
        before = supervisord.running_programs(project)
        site = find_site(project, environment, running=before)
        undo.callback(supervisord.stop_all_but, project, before)
        start_servers(site)
        with prefect_client(site.prefect.url) as client:
            if site.prefect.is_elsewhere:  # one of this folder has nobody else's deployments
                check_folder(project, client)
            ensure_pool(client, concurrency=concurrency)
            ensure_training_limit(client, slots=training_slots)
            wait_for_worker = start_worker(site, client)
            is_deployed = deploy(project, client, client_environment(site))
            automations.register(client)
            wait_for_worker()
        has_toml = not site.prefect.is_elsewhere and write_prefect_toml(project, site.prefect.url)
        after = supervisord.running_programs(project)
        undo.pop_all()
    return Running(
        prefect=site.prefect,
        mlflow=site.mlflow,
        started=tuple(name for name in after if name not in before),
        is_deployed=is_deployed,
        has_prefect_toml=has_toml,
    )
