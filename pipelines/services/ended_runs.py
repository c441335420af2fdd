"""Flow runs whose processes were ended: Prefect's server is told."""

import logging
from collections.abc import Iterable
from uuid import UUID

from prefect import State
from prefect.client.orchestration import SyncPrefectClient
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed

from pipelines.services.prefect_setup import prefect_client

logger = logging.getLogger(__name__)


def mark_crashed(api_url: str, run_ids: Iterable[str]) -> None:
    """Mark those that are not over as crashed; where that fails, a warning says what follows.

    A worker that is stopped says so itself, unless it was interrupted while it did something else.
    """
    try:
        with prefect_client(api_url) as client:
            for run_id in run_ids:
                _mark(client, UUID(run_id))
    except ConnectionError as error:
        logger.warning("%s\nThe flow runs that were ended are marked as crashed later", error)


def _mark(client: SyncPrefectClient, run_id: UUID) -> None:
    try:
        state = client.read_flow_run(run_id).state
    except ObjectNotFound:
        return
    if state is None or not state.is_final():
        crashed: State = Crashed(message="ended by `make down`; run it again to go on")
        client.set_flow_run_state(run_id, crashed, force=True)
