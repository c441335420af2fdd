"""Which runs of a Prefect server the automation about silent runs judges: ours, and no others."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from prefect import flow
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, FlowRun
from prefect.flow_engine import FlowRunEngine
from prefect.server.events.schemas.automations import EventTrigger
from prefect.server.events.schemas.events import ReceivedEvent
from ruamel.yaml import YAML

from pipelines.flows.automations import silent_runs
from tests.support.project import ROOT


@flow
def some_flow() -> None:
    """Not run here."""


@pytest.mark.parametrize(
    ("tags", "is_judged"), [(["pix2pix"], True), (["theirs"], False), ([], False)]
)
def test_the_heartbeats_of_our_deployments_count_and_no_others(
    tags: list[str], is_judged: bool
) -> None:
    run = FlowRun(flow_id=uuid4(), deployment_id=uuid4(), tags=tags)
    assert _trigger().covers(_heartbeat(run)) == is_judged


def test_all_our_deployments_have_the_tag() -> None:
    runs = {each["name"]: FlowRun(flow_id=uuid4(), tags=each["tags"]) for each in _deployments()}
    assert [name for name, run in runs.items() if not _trigger().covers(_heartbeat(run))] == []


def test_our_runs_send_three_heartbeats_on_any_worker_before_they_count_as_silent() -> None:
    """The variables of a deployment reach its runs, whatever the worker's environment is."""
    wanted = {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": f"{_trigger().within.total_seconds() / 3:.0f}"}
    variables = {each["name"]: each["work_pool"]["job_variables"] for each in _deployments()}
    assert variables == {name: {"env": wanted} for name in variables}


def test_of_the_nights_without_a_worker_one_is_made_up_for() -> None:
    (nightly,) = (each for each in _deployments() if each["name"] == "nightly")
    assert nightly["concurrency_limit"] == {
        "limit": 1,
        "collision_strategy": ConcurrencyLimitStrategy.CANCEL_NEW,
    }


def _deployments() -> list[dict[str, Any]]:
    deployments: list[dict[str, Any]] = YAML(typ="safe").load(ROOT / "prefect.yaml")["deployments"]
    return deployments


def _trigger() -> EventTrigger:
    """The trigger as Prefect's server reads it."""
    return EventTrigger.model_validate(silent_runs().trigger.model_dump())


def _heartbeat(run: FlowRun) -> ReceivedEvent:
    """A heartbeat of the run, as Prefect's engine makes it."""
    resource, related = FlowRunEngine(
        flow=some_flow, flow_run=run
    )._build_heartbeat_event_template()
    return ReceivedEvent.model_validate(
        {
            "occurred": datetime.now(UTC),
            "event": "prefect.flow-run.heartbeat",
            "resource": resource,
            "related": [each.model_dump() for each in related],
            "id": uuid4(),
        }
    )
