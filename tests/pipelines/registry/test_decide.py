"""A decision is made once and kept, with judgements that are given; no model is compared."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import pytest
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from pipelines.registry import decision as module
from pipelines.registry.champion import promote
from pipelines.registry.comparison import Verdict
from pipelines.registry.decision import Decision, decide
from pipelines.registry.decision_report import HEADING
from pipelines.registry.register import Registration
from pipelines.registry.rows import DEV_L1, Row
from pix2pix.config import load_params
from tests.support.registered_project import MODEL, put_version, tag

REASON = "its dev L1 is given"


@pytest.fixture
def client(workspace: Path, uri: str, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    monkeypatch.setattr(module, "data_obstacle", lambda config: None)
    monkeypatch.setattr(module, "Contenders", lambda *_, **__: SimpleNamespace(judge=better))
    return MlflowClient(uri)


def better(challenger: ModelVersion, champion: ModelVersion | None) -> Verdict:
    """Whether the challenger has the lower dev L1."""
    own = float(challenger.tags[DEV_L1])
    is_better = champion is None or own < float(champion.tags[DEV_L1])
    other = None if champion is None else str(champion.version)
    outcome = "promoted" if is_better else "not promoted"
    return Verdict(outcome=outcome, reason=REASON, opponent=other)


def registered(client: MlflowClient, l1: float) -> Registration:
    """A version with this dev L1."""
    made = put_version(client)
    client.set_model_version_tag(MODEL, made.version, DEV_L1, repr(l1))
    client.update_model_version(MODEL, made.version, "What it is.")
    return made


def description(client: MlflowClient, number: str) -> str:
    return str(client.get_model_version(MODEL, number).description)


def test_it_is_made_once_and_read_afterwards(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = load_params()
    first, second = registered(client, 0.3), registered(client, 0.4)
    made = decide(client, first, params)
    assert made == Decision(
        outcome="promoted",
        reason=REASON,
        is_new=True,
        compared_with=None,
        rows=(Row(metric=DEV_L1, version=0.3),),
    )
    lost = decide(client, second, params)
    assert (lost.outcome, lost.is_new, lost.compared_with) == ("not promoted", True, "1")
    monkeypatch.delattr(module, "Contenders")  # nothing is compared again
    assert decide(client, first, params) == dataclasses.replace(made, is_new=False)
    assert decide(client, second, params) == dataclasses.replace(lost, is_new=False)


def test_what_could_not_be_compared_is_compared_once_it_can_and_its_report_replaced(
    client: MlflowClient, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    params, version = load_params(), registered(client, 0.3)
    with monkeypatch.context() as patch:
        patch.setattr(module, "data_obstacle", lambda config: "the data are gone")
        made = decide(client, version, params)
        assert (made.outcome, made.reason) == ("not compared", "the data are gone")
        assert tag(uri, "1") == "not compared: the data are gone"
    assert decide(client, version, params).outcome == "promoted"
    assert tag(uri, "1") == f"promoted: {REASON}"
    said = description(client, "1")
    assert said.startswith("What it is.\n")
    assert said.count(HEADING) == 1
    assert "the data are gone" not in said


def test_the_decision_on_a_version_that_was_the_champion_already_is_not_new(
    client: MlflowClient,
) -> None:
    version = registered(client, 0.3)
    promote(client, f"{MODEL}/1")
    made = decide(client, version, load_params())
    assert (made.outcome, made.is_new) == ("promoted", False)


def test_a_version_of_the_same_run_has_a_decision_of_its_own(client: MlflowClient) -> None:
    first = registered(client, 0.3)
    decide(client, first, load_params())
    tags = {DEV_L1: "0.2"}
    again = client.create_model_version(MODEL, "nowhere", run_id=first.run_id, tags=tags)
    second = dataclasses.replace(first, version=str(again.version))
    assert decide(client, second, load_params()).rows == (Row(metric=DEV_L1, version=0.2),)
