"""What `register` decides where models or data cannot simply be compared."""

from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

from pipelines.entrypoint import TRY_AGAIN
from pipelines.json_files import write_json
from pipelines.paths import CHECKS_PATH
from tests.support.registered_project import (
    MODEL,
    MODELS,
    REPORTS,
    champion,
    change_card,
    checks,
    decision,
    dev_l1,
    register_model,
    shift,
    tag,
    train,
    unreachable_version,
)

pytestmark = pytest.mark.slow  # models are registered in each: a second and more


@pytest.mark.parametrize("claimed", [0.0, 1.0])
def test_a_champion_of_other_data_is_scored_on_this_data(
    claimed: float,
    workspace: Path,
    other_workspace: Path,
    uri: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    card = train(0)
    change_card(dev=card.dev | {"dev/l1": claimed})  # by which it would win or lose
    register_model()
    monkeypatch.chdir(other_workspace)
    on_this_data = dev_l1(workspace / MODELS, card.inference_mode)
    l1 = train(1).dev["dev/l1"]
    made = decision()
    assert made["rows"][0]["version"] == pytest.approx(l1, rel=1e-6)
    assert made["rows"][0]["champion"] == pytest.approx(on_this_data, rel=1e-6)
    assert l1 != pytest.approx(on_this_data, rel=1e-3)
    assert champion(MlflowClient(uri)) == ("2" if l1 < on_this_data else "1")


def test_a_champion_of_another_kind_of_data_stays_until_a_person_decides(
    workspace: Path, other_workspace: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(0)
    register_model()
    client = MlflowClient(uri)
    train(1)
    change_card(direction="BtoA")
    register_model()
    client.set_registered_model_alias(MODEL, "champion", "2")
    monkeypatch.chdir(other_workspace)
    train(2)
    made = decision()
    assert (made["outcome"], made["compared_with"]) == ("not compared", "2")
    assert "its direction is BtoA, the data's AtoB" in made["reason"]
    assert f"`pix2pix promote {MODEL}/3` makes version 3 the champion" in made["reason"]
    assert made["rows"][0]["champion"] is None
    assert champion(MlflowClient(uri)) == "2"


@pytest.mark.parametrize("is_whole_run", [True, False])
def test_a_champion_whose_evaluation_is_gone_is_compared_by_the_dev_split_alone(
    is_whole_run: bool, workspace: Path, uri: str
) -> None:
    train(0)
    client, run_id = MlflowClient(uri), register_model()["run_id"]
    if is_whole_run:
        client._tracking_client.store._hard_delete_run(run_id)  # as `mlflow gc` does
    else:
        reports = Path(client.get_run(run_id).info.artifact_uri.removeprefix("file://"))
        (reports / REPORTS / "metrics.json").unlink()
    train(1)
    rows = decision()["rows"]
    assert [row["champion"] is None for row in rows] == [False, True, True]


def test_a_damaged_champion_stays_and_is_named(workspace: Path, uri: str) -> None:
    train(0)
    register_model()
    source = MlflowClient(uri).get_model_version(MODEL, "1").source.removeprefix("file://")
    (Path(source) / "artifacts" / "model" / "model.json").write_text("{}")
    train(1)
    made = decision()
    assert made["outcome"] == "not compared"
    assert f"{MODEL} version 1: its files" in made["reason"]
    assert champion(MlflowClient(uri)) == "1"


def test_a_champion_that_could_not_be_scored_is_compared_once_it_can(
    workspace: Path, uri: str
) -> None:
    train(0)
    register_model()
    client = MlflowClient(uri)
    source = Path(client.get_model_version(MODEL, "1").source.removeprefix("file://"))
    source.rename(source.with_name("elsewhere"))
    train(1)
    assert decision()["outcome"] == "not compared"
    source.with_name("elsewhere").rename(source)
    made = decision()
    assert (made["outcome"], made["compared_with"]) in (("promoted", "1"), ("not promoted", "1"))
    assert len(client.search_model_versions(f"name = '{MODEL}'")) == 2


def test_an_object_store_that_does_not_answer_is_no_fault_of_the_champion(
    workspace: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(0)
    register_model()
    unreachable_version(MlflowClient(uri), monkeypatch)
    MlflowClient(uri).set_registered_model_alias(MODEL, "champion", "2")
    train(1)
    with pytest.raises(SystemExit) as ended:
        register_model()
    assert ended.value.code == TRY_AGAIN
    assert not tag(uri, "3").startswith("not compared")


def test_a_model_whose_translations_are_no_numbers_does_not_become_the_champion(
    workspace: Path, uri: str
) -> None:
    train(0)
    shift(np.nan)
    made = decision()
    assert (made["outcome"], champion(MlflowClient(uri))) == ("not promoted", None)
    assert made["reason"] == "its dev L1 is not a finite number"
    train(1)
    assert decision()["outcome"] == "promoted"


def test_a_model_of_other_data_is_compared_once_its_data_are_there(
    workspace: Path, uri: str
) -> None:
    train(0)
    data_hash = train(0).data_hash
    change_card(data_hash="e" * 64)
    made = decision()
    assert (made["outcome"], champion(MlflowClient(uri))) == ("not compared", None)
    assert "models was trained on other data than data/prepared" in made["reason"]
    change_card(data_hash=data_hash)
    assert decision()["outcome"] == "promoted"


def test_after_a_failed_check_of_the_data_nothing_is_compared_until_it_passes(
    workspace: Path, uri: str
) -> None:
    train(0)
    report = CHECKS_PATH.read_text()
    write_json(CHECKS_PATH, checks(["a"]))
    made = decision()
    assert (made["outcome"], champion(MlflowClient(uri))) == ("not compared", None)
    assert made["reason"] == "the check of the data has failed, see reports/checks.json"
    CHECKS_PATH.write_text(report)
    assert decision()["outcome"] == "promoted"
    assert tag(uri, "1").startswith("promoted: ")
