"""When a receipt is written and believed, whatever MLflow holds."""

from pathlib import Path
from typing import Any

import pytest

from pipelines.paths import RECEIPT_PATH
from pipelines.registry import receipt
from pipelines.registry.receipt import still_complete, write_receipt

URI = "sqlite:///mlflow.db"
OURS, CHANGED = "a" * 64, "b" * 64


@pytest.fixture
def held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str | None]:
    """The hash of what MLflow holds of each version; a test changes it. Versions 1 and 2."""
    monkeypatch.chdir(tmp_path)
    RECEIPT_PATH.parent.mkdir()
    hashes: dict[str, str | None] = {"1": "1" * 64, "2": "2" * 64}
    monkeypatch.setattr(receipt, "state_sha256", lambda uri, asked: hashes[asked["version"]])
    return hashes


def registration(number: str = "1", outcome: str = "promoted") -> dict[str, Any]:
    """The content of register.json."""
    return {
        "model": "drawn",
        "version": number,
        "run_id": f"run {number}",
        "decision": {"outcome": outcome},
    }


def test_it_holds_until_the_files_or_mlflow_change(held: dict[str, str | None]) -> None:
    write_receipt(URI, registration(), registered_sha256=OURS)
    assert still_complete(URI, registered_sha256=OURS) == registration()
    assert still_complete(URI, registered_sha256=CHANGED) is None
    held["1"] = CHANGED
    assert still_complete(URI, registered_sha256=OURS) is None
    held["1"] = None
    assert still_complete(URI, registered_sha256=OURS) is None


@pytest.mark.parametrize(("outcome", "state"), [("not compared", "1" * 64), ("promoted", None)])
def test_where_the_stage_has_to_look_again_there_is_none_not_even_an_earlier_one(
    held: dict[str, str | None], outcome: str, state: str | None
) -> None:
    write_receipt(URI, registration("2"), registered_sha256=OURS)
    held["1"] = state
    write_receipt(URI, registration(outcome=outcome), registered_sha256=OURS)
    assert not RECEIPT_PATH.exists()
    assert still_complete(URI, registered_sha256=OURS) is None


@pytest.mark.parametrize("outcome", ["promoted", "not promoted", "left to a person"])
def test_a_decision_against_a_version_is_one_as_well(
    held: dict[str, str | None], outcome: str
) -> None:
    write_receipt(URI, registration(outcome=outcome), registered_sha256=OURS)
    assert still_complete(URI, registered_sha256=OURS) == registration(outcome=outcome)
