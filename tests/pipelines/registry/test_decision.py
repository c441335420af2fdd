"""The stage `register` with real models, data and MLflow: which version is the champion then."""

import json
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

from pipelines.registry.champion import promote
from tests.support.registered_project import (
    MODEL,
    REPORTS,
    champion,
    change_card,
    decision,
    register_model,
    shift,
    tag,
    train,
    write_data,
    write_workspace,
)

pytestmark = pytest.mark.slow  # models are registered in each: a second and more


@pytest.fixture(scope="session")
def many_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared data with enough dev images for intervals."""
    folder = tmp_path_factory.mktemp("many")
    write_data(folder / "data", seed=2, num_train=24)
    return folder / "data"


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
    assert champion(MlflowClient(uri)) == "1"
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
        assert champion(MlflowClient(uri)) == str(int(np.argmin(l1)) + 1)
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
    assert (made["outcome"], champion(MlflowClient(uri))) == ("promoted", "2")
    l1, frechet = made["rows"][:2]
    assert l1["low"] <= l1["difference"] <= l1["high"] < 0
    assert frechet["metric"] == "dev/frechet_efficientnet_lite0"
    assert frechet["difference"] == pytest.approx(frechet["version"] - frechet["champion"])
    assert frechet["low"] <= frechet["difference"] <= frechet["high"]
    assert "(95 % interval: " in tag(uri, "2")


def test_by_hand_no_version_becomes_the_champion_before_a_person_says_so(
    workspace: Path, uri: str
) -> None:
    params = Path("params.yaml").read_text()
    assert "promote: auto" in params
    Path("params.yaml").write_text(params.replace("promote: auto", "promote: by_hand"))
    train(0)
    made = decision()
    client = MlflowClient(uri)
    assert (made["outcome"], made["compared_with"], champion(client)) == (
        "left to a person",
        None,
        None,
    )
    command = f"it waits for `pix2pix promote {MODEL}/1`"
    assert command in tag(uri, "1")
    assert command in (REPORTS / "register.md").read_text()
    promote(client, f"{MODEL}/1")
    assert decision() == made | {"is_new": False}
    assert (champion(client), tag(uri, "1")) == ("1", "promoted by hand, there was no champion")


def test_the_same_weights_again_leave_the_champion(workspace: Path, uri: str) -> None:
    train(0)
    register_model()
    record = json.loads((REPORTS / "train.json").read_text()) | {"run_key": "another"}
    (REPORTS / "train.json").write_text(json.dumps(record))
    made = decision()
    assert (made["outcome"], made["compared_with"]) == ("not promoted", "1")
    assert "; it would be better if it is lower" in made["reason"]
    assert champion(MlflowClient(uri)) == "1"


def test_registering_again_writes_the_first_decision_again(workspace: Path, uri: str) -> None:
    train(0)
    first = register_model()
    report = (REPORTS / "register.md").read_text()
    for name in ("register.json", "register.md", ".registered.json"):
        (REPORTS / name).unlink()
    again = register_model()
    assert again == first | {"decision": first["decision"] | {"is_new": False}}
    assert (REPORTS / "register.md").read_text() == report
    assert champion(MlflowClient(uri)) == "1"
