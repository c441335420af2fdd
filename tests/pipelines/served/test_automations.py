"""What Prefect's server does when runs fall silent or fail, and models are promoted."""

import json
import queue
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Failed, Running, Scheduled

from pipelines.flows.automations import (
    FAILED_RUN,
    LATE_RUN,
    NEW_CHAMPION,
    SILENT_RUNS,
    TO_PROMOTE,
    register,
)
from tests.support.project import ROOT
from tests.support.receiver import receiver
from tests.support.served_project import HELLO, ServedProject

pytestmark = [pytest.mark.server, pytest.mark.slow]

LATE_AFTER = "pipelines.flows.automations._LATE_AFTER"
SILENT_AFTER = "pipelines.flows.automations._SILENT_AFTER"
GUIDE = ROOT / "docs" / "services.md"
EMIT = """
import json, sys
from prefect.events import emit_event
from prefect.events.related import tags_as_related_resources
from prefect.events.worker import EventsWorker
for event, resource, payload, tags in json.loads(sys.argv[1]):
    related = tags_as_related_resources(tags)
    emit_event(event, {"prefect.resource.id": resource}, payload=payload, related=related)
EventsWorker.instance().wait_until_empty()
"""


@pytest.fixture
def hook(served: ServedProject) -> Iterator["queue.Queue[dict[str, str]]"]:
    """What the webhook gets that the guide's lines make, until it is taken away again."""
    lines = re.search(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert lines is not None
    with receiver() as (url, received):
        code = lines[1].replace("https://chat.example/hook", url)
        assert url in code
        served.run("python", "-c", code)
        command = ("python", "-m", "pipelines.flows.automations")
        said = served.run(*command).stdout
        told = [FAILED_RUN, LATE_RUN, NEW_CHAMPION, TO_PROMOTE]
        assert said.splitlines() == [SILENT_RUNS, *told]
        yield received
        with served.client() as client:
            (block,) = client.read_block_documents()
            client.delete_block_document(block.id)
            assert register(client) == [SILENT_RUNS]
            assert [found.name for found in client.read_automations()] == [SILENT_RUNS]


def test_a_failed_run_and_a_new_champion_are_told(
    served: ServedProject, hook: "queue.Queue[dict[str, str]]"
) -> None:
    with served.client() as client:
        run = planned_run(client)
        client.set_flow_run_state(run.id, Failed(message="stage train failed"), force=True)
    told = hook.get(timeout=30)
    assert told["title"] == "hello Failed"
    assert f"{run.name}: stage train failed" in told["text"]
    assert str(run.id) in told["text"]
    assert f"127.0.0.1:{served.variables['PREFECT_SERVER_API_PORT']}" in told["text"]
    payload = {"model": "facades", "version": "3", "run_url": "http://run", "summary": "l1 0.1"}
    emit(served, ("pix2pix.champion.promoted", "pix2pix.model.facades", payload, []))
    assert hook.get(timeout=30) == {
        "title": "New champion: facades version 3",
        "text": "l1 0.1\nhttp://run",
    }
    emit(served, ("pix2pix.champion.left_to_a_person", "pix2pix.model.facades", payload, []))
    assert hook.get(timeout=30)["title"] == "Waits for a person: facades version 3"
    assert hook.empty()


def test_a_run_that_stays_late_is_told_and_one_that_begins_is_not(
    served: ServedProject,
    hook: "queue.Queue[dict[str, str]]",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(LATE_AFTER, timedelta(seconds=12))
    with served.client() as client:
        register(client)
        begun, waiting = planned_run(client), planned_run(client)
        for run in (begun, waiting):
            client.set_flow_run_state(run.id, late(), force=True)
        client.set_flow_run_state(begun.id, Running(), force=True)
        told = hook.get(timeout=60)
        assert told["title"] == "hello does not begin"
        assert told["text"].startswith(f"{waiting.name}: late for 0.2 minutes. No worker of the")
        assert str(waiting.id) in told["text"]
        assert hook.empty()
        for run in (begun, waiting):
            client.delete_flow_run(run.id)
    monkeypatch.undo()


def test_registering_twice_changes_nothing_and_leaves_off_what_is_off(
    served: ServedProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served.client() as client:
        (before,) = client.read_automations()
        client.pause_automation(before.id)
        register(client)
        (after,) = client.read_automations()
        assert (after.id, after.enabled) == (before.id, False)
        monkeypatch.setattr(SILENT_AFTER, timedelta(seconds=60))
        register(client)
        (changed,) = client.read_automations()
        assert (changed.id, changed.enabled) == (before.id, False)
        assert changed.trigger != before.trigger
        client.resume_automation(before.id)
        monkeypatch.undo()
        register(client)
        assert client.read_automations() == [before]


def test_a_run_whose_heartbeats_stop_has_crashed_if_it_is_of_our_deployments(
    served: ServedProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served.client() as client:
        monkeypatch.setattr(SILENT_AFTER, timedelta(seconds=10))
        register(client)
        silent, ended, foreign = (planned_run(client) for _ in range(3))
        for run in (silent, ended, foreign):
            client.set_flow_run_state(run.id, Running(), force=True)
        tags = {silent.id: silent.tags, ended.id: ended.tags, foreign.id: []}
        heartbeat = "prefect.flow-run.heartbeat"
        emit(
            served,
            *((heartbeat, f"prefect.flow-run.{run}", {}, tags[run]) for run in tags),
        )
        client.set_flow_run_state(ended.id, Running(name="Almost"), force=True)
        deadline_s = time.monotonic() + 60
        while (state := client.read_flow_run(silent.id).state) is None or not state.is_crashed():
            assert time.monotonic() < deadline_s
            time.sleep(0.5)
        assert state.message == "No heartbeat for 10 s."
        assert client.read_flow_run(ended.id).state_name == "Almost"
        assert client.read_flow_run(foreign.id).state_name == "Running"
        for run in (ended, foreign):
            client.delete_flow_run(run.id)
        monkeypatch.undo()
        register(client)


def late() -> State:
    """The state that the server gives to a run which no worker has taken in time."""
    return Scheduled(name="Late", scheduled_time=datetime.now(UTC) + timedelta(days=1))


def planned_run(client: SyncPrefectClient) -> FlowRun:
    """A run of the deployment that no worker takes, since it is for later."""
    deployment = client.read_deployment_by_name(HELLO)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    return client.create_flow_run_from_deployment(
        deployment.id, parameters={"seen": ""}, state=Scheduled(scheduled_time=tomorrow)
    )


def emit(served: ServedProject, *events: tuple[str, str, dict[str, str], list[str]]) -> None:
    """Events of these names, about these resources, with these payloads and tags."""
    served.run("python", "-c", EMIT, json.dumps(events))
