"""Automations of Prefect's server: end silent runs; notify about failed, late runs and champions.

A silent run is one whose heartbeats have stopped. `make up` registers the automations; run
`python -m pipelines.flows.automations` after a notification block was created or deleted.
"""

import logging
import sys
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import BlockDocument, StateType
from prefect.events.actions import ChangeFlowRunState, SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.settings import get_current_settings

from pipelines.entrypoint import run
from pipelines.flows.names import POOL
from pipelines.flows.pages import all_pages
from pipelines.flows.server import prefect_client
from pix2pix.errors import UserError

SILENT_RUNS = "pix2pix: silent runs have crashed"
FAILED_RUN = "pix2pix: a run failed"
LATE_RUN = "pix2pix: a run does not begin"
NEW_CHAMPION = "pix2pix: a new champion"
TO_PROMOTE = "pix2pix: a version waits for a person"  # `register.promote: by_hand`

CHAMPION_EVENT = "pix2pix.champion.promoted"
TO_PROMOTE_EVENT = "pix2pix.champion.left_to_a_person"
CHAMPION_RESOURCE = "pix2pix.model."  # followed by the name of the registered model
BLOCK = "pix2pix"

_TAG = "prefect.tag.pix2pix"  # of the deployments in prefect.yaml, and so of their runs
_SILENT_AFTER = timedelta(seconds=90)  # three heartbeats, as often as prefect.yaml says
_LATE_AFTER = timedelta(minutes=30)  # a queue of short runs is no reason to tell anybody
_OF_POOL = ResourceSpecification(
    {"prefect.resource.role": "work-pool", "prefect.resource.name": POOL}
)
_FLOW_RUN = ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"})
_EACH_RUN = {"prefect.resource.id"}


def main() -> None:
    """Register the automations on the server of `PREFECT_API_URL` or prefect.toml."""
    logging.getLogger("httpx").setLevel(logging.WARNING)  # httpx logs each request at level INFO
    url = get_current_settings().api.url
    if url is None:
        raise UserError("no Prefect server is named; run `make up` or set PREFECT_API_URL")
    with prefect_client(url) as client:
        names = register(client)
    sys.stdout.write("".join(f"{name}\n" for name in names))
    if FAILED_RUN not in names:
        sys.stdout.write(f"no notifications: there is no notification block named {BLOCK}\n")


def register(client: SyncPrefectClient) -> list[str]:
    """Bring the automations up to date and return the names of those in force.

    Notifications are sent through the notification blocks named `pix2pix`; if there is none, the
    automations that need one are deleted. An automation that was disabled in the UI stays disabled.
    """
    wanted = [silent_runs()]
    if blocks := _notification_blocks(client):
        wanted += [
            _failed_run(blocks),
            _late_run(blocks),
            _version_told(blocks, NEW_CHAMPION, event=CHAMPION_EVENT, head="New champion"),
            _version_told(blocks, TO_PROMOTE, event=TO_PROMOTE_EVENT, head="Waits for a person"),
        ]
    for automation in wanted:
        _bring_up_to_date(client, automation)
    names = [automation.name for automation in wanted]
    for name in {FAILED_RUN, LATE_RUN, NEW_CHAMPION, TO_PROMOTE} - set(names):
        for obsolete in client.read_automations_by_name(name):
            client.delete_automation(obsolete.id)
    return names


def silent_runs() -> AutomationCore:
    """End a run as crashed if no event follows a heartbeat: its process has died or hangs.

    This is the recipe of Prefect's documentation, but any event of the run counts as a sign of
    life, because a final state may have any name. Only runs of our deployments are judged:
    prefect.yaml makes them send a heartbeat every 30 s on any worker, while other runs may follow
    Prefect's default of 180 s. The tag tells them apart, because a heartbeat does not name the
    run's work pool.
    """
    return AutomationCore(
        name=SILENT_RUNS,
        description="A run whose heartbeats stop did not end well: its process is gone.",
        trigger=EventTrigger(
            after={"prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.*"},
            match=_FLOW_RUN,
            match_related={"prefect.resource.role": "tag", "prefect.resource.id": _TAG},
            for_each=_EACH_RUN,
            posture=Posture.Proactive,
            threshold=1,
            within=_SILENT_AFTER,
        ),
        actions=[
            ChangeFlowRunState(
                name="Crashed",
                state=StateType.CRASHED,
                force=False,
                message=f"No heartbeat for {_SILENT_AFTER.total_seconds():.0f} s.",
            )
        ],
    )


def _failed_run(blocks: Sequence[UUID]) -> AutomationCore:
    trigger = EventTrigger(
        expect={f"prefect.flow-run.{state}" for state in ("Failed", "Crashed", "TimedOut")},
        match=_FLOW_RUN,
        match_related=_OF_POOL,
        for_each=_EACH_RUN,
        posture=Posture.Reactive,
        threshold=1,
        within=timedelta(0),
    )
    subject = "{{ flow.name }} {{ flow_run.state.name }}"
    body = "{{ flow_run.name }}: {{ flow_run.state.message }}\n{{ flow_run|ui_url }}"
    return _notification(FAILED_RUN, trigger, blocks, subject=subject, body=body)


def _late_run(blocks: Sequence[UUID]) -> AutomationCore:
    """Tell about a run that nothing starts: at night nobody sees that no worker is there."""
    trigger = EventTrigger(
        after={"prefect.flow-run.Late"},
        expect={"prefect.flow-run.*"},
        match=_FLOW_RUN,
        match_related=_OF_POOL,
        for_each=_EACH_RUN,
        posture=Posture.Proactive,
        threshold=1,
        within=_LATE_AFTER,
    )
    body = (
        "{{ flow_run.name }}: late for "
        f"{_LATE_AFTER.total_seconds() / 60:g} minutes. No worker of the pool {POOL} runs, or "
        "other runs fill it.\n{{ flow_run|ui_url }}"
    )
    subject = "{{ flow.name }} does not begin"
    return _notification(LATE_RUN, trigger, blocks, subject=subject, body=body)


def _version_told(blocks: Sequence[UUID], name: str, *, event: str, head: str) -> AutomationCore:
    """Tell about a model version of which the stage `register` has decided something."""
    trigger = EventTrigger(
        expect={event},
        match={"prefect.resource.id": f"{CHAMPION_RESOURCE}*"},
        posture=Posture.Reactive,
        threshold=1,
        within=timedelta(0),
    )
    subject = head + ": {{ event.payload.model }} version {{ event.payload.version }}"
    body = "{{ event.payload.summary }}\n{{ event.payload.run_url }}"
    return _notification(name, trigger, blocks, subject=subject, body=body)


def _notification(
    name: str, trigger: EventTrigger, blocks: Sequence[UUID], *, subject: str, body: str
) -> AutomationCore:
    return AutomationCore(
        name=name,
        description=f"Tell who watches the notification block {BLOCK}.",
        trigger=trigger,
        actions=[
            SendNotification(block_document_id=block, subject=subject, body=body)
            for block in blocks
        ],
    )


def _notification_blocks(client: SyncPrefectClient) -> list[UUID]:
    """The blocks named `pix2pix` that can send notifications, such as Slack, e-mail, a webhook."""

    def read(offset: int) -> list[BlockDocument]:
        return client.read_block_documents(offset=offset, include_secrets=False)

    return [
        block.id
        for block in all_pages(read)
        if block.name == BLOCK
        and block.block_schema is not None
        and "notify" in block.block_schema.capabilities
    ]


def _bring_up_to_date(client: SyncPrefectClient, wanted: AutomationCore) -> None:
    """Create the automation, or update it if it differs; delete others of the same name.

    It is not updated without need, because an update resets the server's counts of events.
    """
    existing = client.read_automations_by_name(wanted.name)
    if not existing:
        client.create_automation(wanted)
        return
    if (existing[0].trigger, existing[0].actions) != (wanted.trigger, wanted.actions):
        changed = wanted.model_copy(update={"enabled": existing[0].enabled})
        # Prefect's client omits fields that were not set, such as the type of a trigger, but its
        # server needs them. Validating the dumped fields marks all of them as set, except for
        # owner_resource, which the server refuses.
        content = changed.model_dump(exclude={"owner_resource"})
        client.update_automation(existing[0].id, AutomationCore.model_validate(content))
    for duplicate in existing[1:]:
        client.delete_automation(duplicate.id)


if __name__ == "__main__":
    run(main)
