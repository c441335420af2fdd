"""The stage `register` with real models, data and MLflow: which version is the champion then."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient
from safetensors.numpy import load_file, save_file

from pipelines.entrypoint import write_json
from pipelines.paths import CHECKS_PATH
from pipelines.registry.data_obstacle import has_failed
from pix2pix.config import DataConfig, Params
from tests.support.registered_project import (
    MODEL,
    MODELS,
    REPORTS,
    change_card,
    dev_l1,
    register_model,
    seal,
    train,
    write_data,
    write_workspace,
)

pytestmark = pytest.mark.slow  # models are registered in each: a second and more


def champion(uri: str) -> str | None:
    number = MlflowClient(uri).get_registered_model(MODEL).aliases.get("champion")
    return None if number is None else str(number)


def decision() -> dict[str, Any]:
    made: dict[str, Any] = register_model()["decision"]
    return made


def tag(uri: str, number: str) -> str:
    return MlflowClient(uri).get_model_version(MODEL, number).tags["pix2pix.champion"]


@pytest.fixture(scope="session")
def many_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared data with enough dev images for intervals."""
    folder = tmp_path_factory.mktemp("many")
    write_data(folder / "data", seed=2, num_train=24)
    return folder / "data"


def shift(amount: float) -> None:
    """Make every translation of the current model brighter by `amount` (of tanh's input)."""
    path = MODELS / "generator.safetensors"
    weights = load_file(path)
    name = "up.0.conv.bias"  # of the outermost level
    save_file(weights | {name: weights[name] + np.float32(amount)}, path)
    seal()


def test_the_first_version_becomes_the_champion(workspace: Path, uri: str) -> None:
    card = train(0, test={"l1": 0.25, "l1_low": 0.2, "ssim": 0.5})
    registration = register_model()
    none = dict.fromkeys(("champion", "difference", "low", "high"))
    reason = f"dev L1 {card.dev['dev/l1']:.4g}; there was no champion"
    assert registration["decision"] == {
        "outcome": "promoted",
        "reason": reason,
        "is_new": True,
        "compared_with": None,
        "rows": [
            {"metric": "dev/l1", "version": card.dev["dev/l1"], **none},
            {"metric": "test/l1", "version": 0.25, **none},
            {"metric": "test/ssim", "version": 0.5, **none},
        ],
    }
    assert champion(uri) == "1"
    assert tag(uri, "1") == f"promoted: {reason}"
    report = (REPORTS / "register.md").read_text()
    assert f"{MODEL} version 1 was **promoted**: {reason}." in report
    assert MlflowClient(uri).get_model_version(MODEL, "1").description.endswith(report)


def test_the_better_one_by_the_dev_split_wins_whatever_the_test_split_says(
    workspace: Path, uri: str
) -> None:
    l1, decisions = [], []
    for seed in range(4):
        l1.append(train(seed, test={"l1": 0.9 - seed / 10}).dev["dev/l1"])
        decisions.append(decision())
        assert champion(uri) == str(int(np.argmin(l1)) + 1)
    assert [made["outcome"] == "promoted" for made in decisions] == [
        score == min(l1[: position + 1]) for position, score in enumerate(l1)
    ]
    dev, test = decisions[1]["rows"][:2]
    assert (dev["version"], dev["champion"]) == pytest.approx((l1[1], l1[0]), rel=1e-6)
    assert dev["difference"] == pytest.approx(l1[1] - l1[0], rel=1e-4)
    assert (test["version"], test["champion"]) == (0.8, 0.9)


def test_with_enough_images_intervals_and_distances_decide(
    many_images: Path, tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(write_workspace(tmp_path / "project", many_images))
    train(0)
    shift(-2.0)  # far too dark
    assert decision()["outcome"] == "promoted"
    train(0)
    change_card(seed=5)
    made = decision()
    assert (made["outcome"], champion(uri)) == ("promoted", "2")
    l1, frechet = made["rows"][:2]
    assert l1["low"] <= l1["difference"] <= l1["high"] < 0
    assert frechet["metric"] == "dev/frechet_efficientnet_lite0"
    assert frechet["difference"] == pytest.approx(frechet["version"] - frechet["champion"])
    assert frechet["low"] <= frechet["difference"] <= frechet["high"]
    assert "(95 % interval: " in tag(uri, "2")


def test_the_same_weights_again_leave_the_champion(workspace: Path, uri: str) -> None:
    train(0)
    register_model()
    record = json.loads((REPORTS / "train.json").read_text()) | {"run_key": "another"}
    (REPORTS / "train.json").write_text(json.dumps(record))
    made = decision()
    assert (made["outcome"], made["compared_with"]) == ("not promoted", "1")
    assert "; it would be better if it is lower" in made["reason"]
    assert champion(uri) == "1"


def test_registering_again_writes_the_first_decision_again(workspace: Path, uri: str) -> None:
    train(0)
    first = register_model()
    report = (REPORTS / "register.md").read_text()
    for name in ("register.json", "register.md", ".registered.json"):
        (REPORTS / name).unlink()
    again = register_model()
    assert again == first | {"decision": first["decision"] | {"is_new": False}}
    assert (REPORTS / "register.md").read_text() == report
    assert champion(uri) == "1"


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
    assert champion(uri) == ("2" if l1 < on_this_data else "1")


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
    assert champion(uri) == "2"


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
    assert champion(uri) == "1"


def test_a_model_whose_translations_are_no_numbers_does_not_become_the_champion(
    workspace: Path, uri: str
) -> None:
    train(0)
    shift(np.nan)
    made = decision()
    assert (made["outcome"], champion(uri)) == ("not promoted", None)
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
    assert (made["outcome"], champion(uri)) == ("not compared", None)
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
    assert (made["outcome"], champion(uri)) == ("not compared", None)
    assert made["reason"] == "the check of the data has failed, see reports/checks.json"
    CHECKS_PATH.write_text(report)
    assert decision()["outcome"] == "promoted"
    assert tag(uri, "1").startswith("promoted: ")


def checks(*pairs_of_items: list[str]) -> dict[str, Any]:
    return {"offences": {"kind": {"items": [{"pairs": pairs} for pairs in pairs_of_items]}}}


@pytest.mark.parametrize(
    ("report", "fails", "excludes"),
    [
        ({"offences": {}}, False, False),
        (checks(["a"]), True, False),
        (checks(["a"], []), True, True),
    ],
)
def test_excluded_pairs_are_no_failure_but_an_offence_of_the_whole_data_is(
    report: dict[str, Any], fails: bool, excludes: bool, default_params: Params
) -> None:
    def config(on_bad_pair: str) -> DataConfig:
        return dataclasses.replace(default_params.data, on_bad_pair=on_bad_pair)

    assert has_failed(report, config("fail")) is fails
    assert has_failed(report, config("exclude")) is excludes
