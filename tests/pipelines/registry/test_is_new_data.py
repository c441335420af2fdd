import json
from pathlib import Path

import pytest
from mlflow import MlflowClient

from pipelines.registry import is_new_data
from pix2pix.data.manifest import load_manifest
from tests.support.registered_project import MODEL, PREPARED, REPORTS, register_model, train

pytestmark = pytest.mark.slow  # models are registered in each: a second and more


def answer() -> tuple[bool, str | None]:
    is_new_data.main()
    loaded = json.loads((REPORTS / "new_data.json").read_text())
    assert loaded.pop("data_hash") == load_manifest(PREPARED).data_hash
    assert set(loaded) == {"is_new", "run_id"}
    return loaded["is_new"], loaded["run_id"]


def test_data_is_new_until_a_model_was_registered_on_it(
    workspace: Path, other_workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert answer() == (True, None)
    train(0)
    first = register_model()["run_id"]
    assert answer() == (False, first)
    monkeypatch.chdir(other_workspace)
    assert answer() == (True, None)
    train(1)
    assert answer() == (True, None)
    second = register_model()["run_id"]
    assert answer() == (False, second)
    monkeypatch.chdir(workspace)
    assert answer() == (False, first)


def test_a_run_that_did_not_finish_or_has_no_version_of_the_model_does_not_count(
    workspace: Path, uri: str
) -> None:
    train(0)
    run_id = register_model()["run_id"]
    client = MlflowClient(uri)
    client.set_terminated(run_id, "FAILED")
    assert answer() == (True, None)
    client.set_terminated(run_id, "FINISHED")
    assert answer() == (False, run_id)
    params = Path("params.yaml")
    text = params.read_text()
    params.write_text(text.replace("model_name: null", "model_name: another"))
    assert answer() == (True, None)
    params.write_text(text.replace("experiment: pix2pix", "experiment: another"))
    assert answer() == (True, None)
    params.write_text(text)
    client.delete_model_version(MODEL, "1")
    assert answer() == (True, None)
