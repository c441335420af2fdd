import json
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from pipelines.commands.promote import promote
from pipelines.entrypoint import run
from tests.support.registered_project import (
    MODEL,
    MODELS,
    REPORTS,
    change_card,
    dev_l1,
    register_model,
    train,
)

pytestmark = pytest.mark.slow  # models are registered in each: a second and more


def crowned() -> dict[str, Any]:
    run(promote)
    loaded: dict[str, Any] = json.loads((REPORTS / "champion.json").read_text())
    return loaded


def champion_version(uri: str) -> str | None:
    version = MlflowClient(uri).get_registered_model(MODEL).aliases.get("champion")
    return None if version is None else str(version)


def train_and_register(seed: int, l1: float | None = None, **more: Any) -> str:
    """Version of a model; `l1` in place of its real dev score."""
    card = train(seed, **more)
    if l1 is not None:
        change_card(dev=card.dev | {"dev/l1": l1})
    return register_model()["version"]


def failure(capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as caught:
        run(promote)
    assert caught.value.code == 1
    return capsys.readouterr().err


def test_the_first_version_becomes_the_champion(workspace: Path, uri: str) -> None:
    card = train(0, test={"l1": 0.25, "l1_low": 0.2, "ssim": 0.5})
    registration = register_model()
    assert crowned() == {
        "model": MODEL,
        "version": "1",
        "run_id": registration["run_id"],
        "champion_version": None,
        "is_promoted": True,
        "is_rescored": False,
        "reason": "there was no champion",
        "rows": [
            {"metric": "dev/l1", "challenger": card.dev["dev/l1"], "champion": None},
            {"metric": "test/l1", "challenger": 0.25, "champion": None},
            {"metric": "test/ssim", "challenger": 0.5, "champion": None},
        ],
    }
    assert champion_version(uri) == "1"


def test_the_champion_stays_until_a_better_one_comes_whatever_the_test_split_says(
    workspace: Path, uri: str
) -> None:
    verdicts = []
    for seed, l1, test_l1 in ((0, 0.2, 0.5), (1, 0.3, 0.1), (2, 0.2, 0.1), (3, 0.1, 0.9)):
        train_and_register(seed, l1, test={"l1": test_l1})
        verdicts.append(crowned())
    assert [(verdict["champion_version"], verdict["is_promoted"]) for verdict in verdicts] == [
        (None, True),
        ("1", False),
        ("1", False),
        ("1", True),
    ]
    assert champion_version(uri) == "4"
    assert not any(verdict["is_rescored"] for verdict in verdicts)
    assert verdicts[-1]["rows"] == [
        {"metric": "dev/l1", "challenger": 0.1, "champion": 0.2},
        {"metric": "test/l1", "challenger": 0.9, "champion": 0.5},
    ]
    assert "is 0.1, lower than 0.2 of version 1" in verdicts[-1]["reason"]


def test_comparing_again_changes_nothing_and_still_tells_of_the_promotion(
    workspace: Path, uri: str
) -> None:
    train_and_register(0, 0.2)
    crowned()
    train_and_register(1, 0.1)
    first = crowned()
    assert (first["champion_version"], first["is_promoted"]) == ("1", True)
    assert crowned() == first
    assert champion_version(uri) == "2"


def test_a_champion_that_was_made_elsewhere_is_not_promoted_again(
    workspace: Path, uri: str
) -> None:
    train_and_register(0)
    crowned()
    (REPORTS / "champion.json").unlink()
    again = crowned()
    assert (again["champion_version"], again["is_promoted"]) == ("1", False)
    assert again["reason"] == "version 1 is the champion already"
    assert champion_version(uri) == "1"


@pytest.mark.parametrize("claimed", [0.0, 1.0])
def test_a_champion_of_other_data_is_judged_by_its_score_on_this_data(
    claimed: float,
    workspace: Path,
    other_workspace: Path,
    uri: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held = train(0)
    train_and_register(0, claimed)  # 0.0 on its own data would beat everything, 1.0 nothing
    crowned()
    monkeypatch.chdir(other_workspace)
    on_this_data = dev_l1(workspace / MODELS, held.inference_mode)
    challenger = train(1).dev["dev/l1"]
    assert register_model()["version"] == "2"
    verdict = crowned()
    assert verdict["is_rescored"]
    [dev, *_] = verdict["rows"]
    assert dev["challenger"] == challenger
    assert dev["champion"] == pytest.approx(on_this_data, rel=1e-6)
    assert challenger != pytest.approx(on_this_data, rel=1e-3)
    assert verdict["is_promoted"] is (challenger < on_this_data)
    assert champion_version(uri) == ("2" if challenger < on_this_data else "1")


def test_a_champion_scored_by_other_metrics_is_scored_anew(workspace: Path, uri: str) -> None:
    card = train(0)
    change_card(dev={"dev/l1": 0.0})
    register_model()
    crowned()
    train_and_register(1)
    verdict = crowned()
    assert verdict["is_rescored"]
    assert verdict["rows"][0]["champion"] == pytest.approx(card.dev["dev/l1"], rel=1e-6)


def test_a_champion_of_another_kind_of_data_is_not_replaced(
    workspace: Path, other_workspace: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(0)
    change_card(direction="BtoA", data_hash="e" * 64)
    register_model()
    MlflowClient(uri).set_registered_model_alias(MODEL, "champion", "1")
    monkeypatch.chdir(other_workspace)
    train_and_register(1)
    verdict = crowned()
    assert (verdict["is_promoted"], verdict["is_rescored"]) == (False, False)
    assert "its direction is BtoA, the data's AtoB" in verdict["reason"]
    assert verdict["rows"][0]["champion"] is None
    assert champion_version(uri) == "1"


@pytest.mark.parametrize("is_whole_run", [True, False])
def test_a_champion_whose_evaluation_is_gone_is_compared_by_dev_score_alone(
    is_whole_run: bool, workspace: Path, uri: str
) -> None:
    train_and_register(0, 0.2)
    client, run_id = MlflowClient(uri), crowned()["run_id"]
    if is_whole_run:
        client._tracking_client.store._hard_delete_run(run_id)  # as `mlflow gc` does
    else:
        reports = Path(client.get_run(run_id).info.artifact_uri.removeprefix("file://"))
        (reports / REPORTS / "metrics.json").unlink()
    train_and_register(1, 0.3)
    assert [row["champion"] for row in crowned()["rows"]] == [0.2, None, None]


def test_a_damaged_champion_is_named_and_stays(
    workspace: Path, uri: str, capsys: pytest.CaptureFixture[str]
) -> None:
    train_and_register(0, 0.2)
    crowned()
    source = MlflowClient(uri).get_model_version(MODEL, "1").source.removeprefix("file://")
    (Path(source) / "artifacts" / "model" / "model.json").write_text("{}")
    train_and_register(1, 0.1)
    assert f"{MODEL} version 1: its files" in failure(capsys)
    assert champion_version(uri) == "1"


def test_weights_that_are_not_the_registered_ones_are_refused(
    workspace: Path, uri: str, capsys: pytest.CaptureFixture[str]
) -> None:
    train_and_register(0)
    train(1)
    assert f"models is not {MODEL} version 1; run `dvc repro register`" in failure(capsys)
    assert champion_version(uri) is None


def test_a_model_of_other_data_than_the_prepared_is_refused(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(0)
    change_card(data_hash="e" * 64)
    register_model()
    assert "models was trained on other data than data/prepared" in failure(capsys)
    assert not (REPORTS / "champion.json").exists()
