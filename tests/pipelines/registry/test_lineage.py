"""The lineage of a version: written when it is registered, read, shown, found by its data."""

import dataclasses
import json
from pathlib import Path

import pytest
import typer
from mlflow import MlflowClient

from pipelines.commands.lineage import lineage
from pipelines.registry.data_use import DataUse, versions_of_data
from pipelines.registry.lineage import LINEAGE_PATH, project_lineage, read_lineage
from pipelines.registry.lookup import find_version
from pipelines.repository.presets import PRESETS_DIR
from pipelines.tracking.described_run import DATA_HASH_TAG
from pix2pix.data.manifest import load_manifest
from pix2pix.errors import UserError
from pix2pix.weights import weights_hashes
from tests.support.project import ROOT
from tests.support.registered_project import (
    MODEL,
    MODELS,
    PREPARED,
    put_version,
    register_model,
    train,
)


def _with_presets() -> None:
    PRESETS_DIR.symlink_to(ROOT / PRESETS_DIR)


@pytest.mark.slow
def test_a_version_has_the_lineage_of_its_files_and_shows_it(
    workspace: Path, uri: str, capsys: pytest.CaptureFixture[str]
) -> None:
    train(0)
    registration = register_model()
    client = MlflowClient(uri)
    version = find_version(client, MODEL)
    found = read_lineage(client, version)
    assert dataclasses.asdict(found)["weights"] == {
        name: dataclasses.asdict(hashes) for name, hashes in weights_hashes(MODELS).items()
    }
    assert json.dumps(dataclasses.asdict(found)) == json.dumps(
        dataclasses.asdict(project_lineage(Path(), MODELS))
    )
    _with_presets()
    client.set_model_version_tag(MODEL, "1", "prefect.flow_run_name", "brave-fox")
    client.set_model_version_tag(MODEL, "1", "prefect.flow_run_id", "12-34")
    lineage(model=f"models:/{MODEL}@champion", data=None, as_json=False)
    shown = capsys.readouterr().out
    data_hash = load_manifest(PREPARED).data_hash
    for expected in (
        f"{MODEL} version 1 (champion)",
        f"commit       {'a' * 40}",
        "uncommitted changes that were not recorded",
        f"hash {data_hash}",
        "seed         0",
        "Python 3.11.99, torch 2.0.99+cpu, 2 packages",
        registration["run_id"],
        "flow run     brave-fox 12-34",
        "parent       none",
        "reproduced   never",
    ):
        assert expected in shown
    lineage(model=MODEL, data=None, as_json=True)
    shown_json = json.loads(capsys.readouterr().out)
    assert shown_json["lineage"]["training"]["data"]["data_hash"] == data_hash
    assert (shown_json["aliases"], shown_json["run_id"]) == (["champion"], registration["run_id"])
    lineage(model=None, data=data_hash[:8], as_json=False)
    assert capsys.readouterr().out == f"data {data_hash}\n  {MODEL}/1\n"


def test_a_version_without_a_lineage_and_a_damaged_one_are_refused(
    workspace: Path, uri: str
) -> None:
    client = MlflowClient(uri)
    registration = put_version(client)
    version = find_version(client, MODEL)
    with pytest.raises(UserError, match="was registered before lineages were recorded"):
        read_lineage(client, version)
    for content, said in (
        (
            {"format": 1, "weights": {}},
            r"damaged or of another version .*: training: it is missing, and 2 more; use",
        ),
        ([], "is damaged"),
    ):
        client.log_dict(registration.run_id, content, LINEAGE_PATH.as_posix())
        with pytest.raises(UserError, match=said):
            read_lineage(client, version)


def test_versions_are_found_by_their_data_over_all_models(workspace: Path, uri: str) -> None:
    client = MlflowClient(uri)
    hashes = ["abcd" + "0" * 60, "abce" + "0" * 60, "abcd" + "0" * 60]
    for data_hash in hashes:
        number = put_version(client).version
        client.set_model_version_tag(MODEL, number, DATA_HASH_TAG, data_hash)
    client.create_registered_model("another")
    client.create_model_version("another", "nowhere", tags={DATA_HASH_TAG: hashes[1]})
    assert versions_of_data(client, "abcd") == DataUse(
        data_hash=hashes[0], versions=(f"{MODEL}/1", f"{MODEL}/3")
    )
    assert versions_of_data(client, hashes[1]).versions == ("another/1", f"{MODEL}/2")
    for given, said in (
        ("abcf", "no registered version .* hash abcf"),
        ("abc", "no hash of data"),
        ("ab%_", "no hash of data"),
        ("", "no hash of data"),
    ):
        with pytest.raises(UserError, match=said):
            versions_of_data(client, given)
    client.set_model_version_tag(MODEL, "2", DATA_HASH_TAG, "abcd1" + "0" * 59)
    with pytest.raises(UserError, match=r"abcd is ambiguous: abcd0+, abcd10+$"):
        versions_of_data(client, "abcd")


@pytest.mark.parametrize(("model", "data"), [(None, None), ("x", "abcd")])
def test_either_a_model_or_data_is_named(model: str | None, data: str | None) -> None:
    with pytest.raises(typer.BadParameter, match="either a model or"):
        lineage(model=model, data=data, as_json=False)
