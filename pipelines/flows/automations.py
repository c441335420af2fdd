"""What Prefect's server does by itself: end silent runs, and tell about failures and champions.

`make up` registers these; `python -m pipelines.flows.automations` does it again, after a
notification block was made or removed.
"""

import logging
import sys
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ActionTypes, ChangeFlowRunState, SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.settings import get_current_settings

from pipelines.entrypoint import run
from pix2pix.errors import UserError

SILENT_RUNS = "pix2pix: silent runs have crashed"
FAILED_RUN = "pix2pix: a run failed"
NEW_CHAMPION = "pix2pix: a new champion"

CHAMPION_EVENT = "pix2pix.champion.promoted"
CHAMPION_RESOURCE = "pix2pix.model."  # and the name of the registered model
BLOCK = "pix2pix"

_POOL = "pix2pix"
_SILENT_AFTER = timedelta(seconds=90)  # three heartbeats, the shortest that Prefect sends
_FLOW_RUN = ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"})
_EACH_RUN = {"prefect.resource.id"}


def main() -> None:
    """Register them on the server of `PREFECT_API_URL` or prefect.toml."""
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells of each request
    url = get_current_settings().api.url
    if url is None:
        raise UserError("no Prefect server is named; run `make up` or set PREFECT_API_URL")
    try:
        with get_client(sync_client=True) as client:
            names = register(client)
    except httpx.HTTPError as error:
        raise ConnectionError(f"Prefect at {url} cannot be used: {error}") from error
    sys.stdout.write("".join(f"{name}\n" for name in names))
    if FAILED_RUN not in names:
        sys.stdout.write(f"no notifications: there is no notification block named {BLOCK}\n")


def register(client: SyncPrefectClient, *, silent_after: timedelta = _SILENT_AFTER) -> list[str]:
    """Bring the automations up to date and return the names of those in force.

    Notifications go through the blocks named `pix2pix` that can notify; without one, theirs are
    removed. One that was switched off in the UI stays off.
    """
    wanted = [_silent_runs(silent_after)]
    if blocks := _notification_blocks(client):
        wanted += [_failed_run(blocks), _new_champion(blocks)]
    for automation in wanted:
        _bring_up_to_date(client, automation)
    names = [automation.name for automation in wanted]
    for name in {FAILED_RUN, NEW_CHAMPION} - set(names):
        for found in client.read_automations_by_name(name):
            client.delete_automation(found.id)
    return names


def _silent_runs(silent_after: timedelta) -> AutomationCore:
    """Prefect's recipe for runs whose process died or hangs, for which nobody else would speak.

    Any other event of a run counts as a sign of life, since a final state may have any name.
    """
    return AutomationCore(
        name=SILENT_RUNS,
        description="A run whose heartbeats stop did not end well: its process is gone.",
        trigger=EventTrigger(
            after={"prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.*"},
            match=_FLOW_RUN,
            for_each=_EACH_RUN,
            posture=Posture.Proactive,
            threshold=1,
            within=silent_after,
        ),
        actions=[
            ChangeFlowRunState(
                name="Crashed",
                state=StateType.CRASHED,
                force=False,
                message=f"No heartbeat for {silent_after.total_seconds():.0f} s.",
            )
        ],
    )


def _failed_run(blocks: Sequence[UUID]) -> AutomationCore:
    return AutomationCore(
        name=FAILED_RUN,
        description=f"Tell who watches the notification block {BLOCK}.",
        trigger=EventTrigger(
            expect={f"prefect.flow-run.{state}" for state in ("Failed", "Crashed", "TimedOut")},
            match=_FLOW_RUN,
            match_related={"prefect.resource.role": "work-pool", "prefect.resource.name": _POOL},
            for_each=_EACH_RUN,
            posture=Posture.Reactive,
            threshold=1,
            within=timedelta(0),
        ),
        actions=_notify(
            blocks,
            subject="{{ flow.name }} {{ flow_run.state.name }}",
            body="{{ flow_run.name }}: {{ flow_run.state.message }}\n{{ flow_run|ui_url }}",
        ),
    )


def _new_champion(blocks: Sequence[UUID]) -> AutomationCore:
    return AutomationCore(
        name=NEW_CHAMPION,
        description=f"Tell who watches the notification block {BLOCK}.",
        trigger=EventTrigger(
            expect={CHAMPION_EVENT},
            match={"prefect.resource.id": f"{CHAMPION_RESOURCE}*"},
            posture=Posture.Reactive,
            threshold=1,
            within=timedelta(0),
        ),
        actions=_notify(
            blocks,
            subject="New champion: {{ event.payload.model }} version {{ event.payload.version }}",
            body="{{ event.payload.summary }}\n{{ event.payload.run_url }}",
        ),
    )


def _notify(blocks: Sequence[UUID], *, subject: str, body: str) -> list[ActionTypes]:
    return [
        SendNotification(block_document_id=block, subject=subject, body=body) for block in blocks
    ]


def _notification_blocks(client: SyncPrefectClient) -> list[UUID]:
    """The blocks of that name that can notify: Slack, e-mail, a webhook of one's own."""
    return [
        block.id
        for block in client.read_block_documents(include_secrets=False)
        if block.name == BLOCK
        and block.block_schema is not None
        and "notify" in block.block_schema.capabilities
    ]


def _bring_up_to_date(client: SyncPrefectClient, wanted: AutomationCore) -> None:
    """Create it, or change it where it differs; writing it anew would forget its counts."""
    found = client.read_automations_by_name(wanted.name)
    if not found:
        client.create_automation(wanted)
        return
    if (found[0].trigger, found[0].actions) != (wanted.trigger, wanted.actions):
        changed = wanted.model_copy(update={"enabled": found[0].enabled})
        # Prefect's client leaves out what was not set, such as the kind of a trigger, which its
        # server needs; the owner, which the server refuses, has to stay unset.
        content = changed.model_dump(exclude={"owner_resource"})
        client.update_automation(found[0].id, AutomationCore.model_validate(content))
    for double in found[1:]:
        client.delete_automation(double.id)


if __name__ == "__main__":
    run(main)
