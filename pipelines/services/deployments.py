"""The deployments of prefect.yaml, with the schedules as users have switched them since."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import SCHEDULE_TYPES
from prefect.client.schemas.sorting import DeploymentSort

from pipelines.flows.names import POOL
from pipelines.flows.pages import all_pages
from pipelines.repository.params_file import PARAMS_FILE
from pipelines.services.module_command import run_module
from pix2pix.config import load_params
from pix2pix.config.yaml_file import read_yaml
from pix2pix.errors import UserError

_FILE = "prefect.yaml"
# The step with which Prefect remembers the folder where `prefect deploy` was typed.
_FOLDER_STEP = "prefect.deployments.steps.set_working_directory"

# Whether a schedule is active, by flow and name of its deployment and by the schedule itself.
Switches = dict[tuple[UUID, str, str], bool]


def check_forms(project: Path) -> None:
    """Raise UserError if params.yaml, which the forms of the deployments show, cannot be read."""
    if (project / _FILE).exists():
        load_params(project / PARAMS_FILE)


def check_folder(project: Path, client: SyncPrefectClient) -> None:
    """Raise UserError if deployments of the same names run in another folder than `project`.

    Deploying would change them for everybody who uses the server.
    """
    path = project / _FILE
    if not path.exists():
        return
    ours = {each["name"] for each in read_yaml(path)["deployments"]}
    there = [each for each in our_deployments(client) if each.name in ours]
    folders = {folder for each in there for folder in _folders(each)}
    if others := sorted(folders - {str(project.resolve())}):
        raise UserError(
            f"the deployments on this Prefect server run in {', '.join(others)}, and `make up` in "
            f"{project.resolve()} would take them over; use another server (PREFECT_API_URL), or, "
            "to have them run here from now on, type `prefect deploy --all` and then `make up`"
        )


def _folders(deployment: DeploymentResponse) -> list[str]:
    steps = deployment.pull_steps or []
    return [step[_FOLDER_STEP]["directory"] for step in steps if _FOLDER_STEP in step]


def deploy(project: Path, client: SyncPrefectClient, environment: Mapping[str, str]) -> bool:
    """Create or update all deployments of prefect.yaml; return False if there is no such file.

    Prefect makes each schedule anew, so one that was resumed or paused is switched as it was.
    Raises UserError with Prefect's words if it fails.
    """
    if not (project / _FILE).exists():
        return False
    switches = _switches(client)
    _prefect_deploy(project, environment)
    _switch(client, switches)
    return True


def _prefect_deploy(project: Path, environment: Mapping[str, str]) -> None:
    done = run_module(
        "prefect", "--no-prompt", "deploy", "--all", project=project, environment=environment
    )
    if done.returncode:
        raise UserError(f"{_FILE}: `prefect deploy --all` failed:\n{done.stdout.strip()}")


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
