"""The deployments of prefect.yaml, with the schedules as the user has switched them since."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import SCHEDULE_TYPES
from prefect.client.schemas.sorting import DeploymentSort

from pipelines.entrypoint import write_json
from pipelines.flows.pages import all_pages
from pipelines.repository.params_file import PARAMS_FILE
from pipelines.services.layout import services_dir
from pipelines.services.module_command import run_module
from pipelines.services.programs import POOL
from pix2pix.config import load_params
from pix2pix.errors import UserError
from pix2pix.files import sha256_of_file

# Whether a schedule is active, by flow and name of its deployment and by the schedule itself.
Switches = dict[tuple[UUID, str, str], bool]


def check_forms(project: Path) -> None:
    """Raise UserError if params.yaml, which the forms of the deployments show, cannot be read."""
    if (project / "prefect.yaml").exists():
        load_params(project / PARAMS_FILE)


def deploy(project: Path, client: SyncPrefectClient, environment: Mapping[str, str]) -> bool:
    """Create or update all deployments of prefect.yaml; return False if there is no such file.

    Prefect makes each schedule anew, so one that was resumed or paused is switched as it was,
    unless prefect.yaml has changed. Raises UserError with Prefect's words if it fails.
    """
    path = project / "prefect.yaml"
    if not path.exists():
        return False
    digest = sha256_of_file(path)
    memory = services_dir(project) / "deployed.json"
    is_same = memory.exists() and json.loads(memory.read_text()) == {"sha256": digest}
    switches = _switches(client) if is_same else {}
    _prefect_deploy(project, environment)
    _switch(client, switches)
    write_json(memory, {"sha256": digest})
    return True


def _prefect_deploy(project: Path, environment: Mapping[str, str]) -> None:
    done = run_module(
        "prefect", "--no-prompt", "deploy", "--all", project=project, environment=environment
    )
    if done.returncode:
        raise UserError(f"prefect.yaml: `prefect deploy --all` failed:\n{done.stdout.strip()}")


def our_deployments(client: SyncPrefectClient) -> Iterator[DeploymentResponse]:
    """The deployments of our work pool: a shared server has those of other projects as well."""
    ours = WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL]))
    order = DeploymentSort.CREATED_DESC  # unlike names, these times differ, as pages need it

    def read(offset: int) -> list[DeploymentResponse]:
        return client.read_deployments(work_pool_filter=ours, sort=order, offset=offset)

    return all_pages(read)


def _switches(client: SyncPrefectClient) -> Switches:
    return {
        (deployment.flow_id, deployment.name, _identity(schedule.schedule)): schedule.active
        for deployment in our_deployments(client)
        for schedule in deployment.schedules
    }


def _switch(client: SyncPrefectClient, switches: Switches) -> None:
    for deployment in our_deployments(client):
        for schedule in deployment.schedules:
            key = (deployment.flow_id, deployment.name, _identity(schedule.schedule))
            wanted = switches.get(key, schedule.active)
            if wanted != schedule.active:
                client.update_deployment_schedule(deployment.id, schedule.id, active=wanted)


def _identity(schedule: SCHEDULE_TYPES) -> str:
    """Not the anchor of an interval: Prefect takes the time of the deployment."""
    return schedule.model_dump_json(exclude={"anchor_date"})
