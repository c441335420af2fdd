from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.store.entities import PagedList

from pipelines.registry.lookup import aliases_of, find_version, registered_version
from tests.support.registered_project import MODEL, REPORTS, put_version
from tests.support.tracked_project import new_database


@pytest.fixture
def client(workspace: Path, uri: str) -> MlflowClient:
    """Of a registry with versions 1 and 2, the first of them the champion."""
    client = MlflowClient(uri)
    for _ in range(2):
        put_version(client)
    client.set_registered_model_alias(MODEL, "champion", "1")
    client.set_registered_model_alias(MODEL, "next", "2")
    return client


def test_a_reference_means_a_number_or_an_alias_and_else_the_latest(client: MlflowClient) -> None:
    meant = {
        MODEL: "2",
        f"models:/{MODEL}": "2",
        f"{MODEL}@champion": "1",
        f"{MODEL}/2": "2",
        f"models:/{MODEL}/2": "2",
        f"models:/{MODEL}@next": "2",
    }
    found = {reference: str(find_version(client, reference).version) for reference in meant}
    assert found == meant


def test_a_version_that_exists_is_asked_for_alone(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model may have many versions, each with many tags, and replicas ask every few seconds."""
    real, read = MlflowClient.search_model_versions, list[int]()

    def counted(*arguments: Any, **options: Any) -> PagedList[ModelVersion]:
        versions = real(*arguments, **options)
        read.append(len(versions))
        return versions

    monkeypatch.setattr(MlflowClient, "search_model_versions", counted)
    for reference in (MODEL, f"{MODEL}/1", f"{MODEL}@champion"):
        find_version(client, reference)
    assert sum(read) <= 1


def test_a_registry_without_models_says_so(tmp_path: Path) -> None:
    empty = MlflowClient(new_database(tmp_path))
    with pytest.raises(ValueError, match=r"model 'none'; no model is registered there yet$"):
        find_version(empty, "none/1")


def test_a_reference_to_nothing_says_what_there_is(client: MlflowClient) -> None:
    messages = {
        f"{MODEL}/3": r"no version 3; there are the versions 1, 2$",
        f"{MODEL}@best": r"no version with the alias 'best'; there are the versions 1, 2$",
        "pix2pix/1": rf"no version of a registered model 'pix2pix'; its models are: {MODEL}$",
        f"{MODEL}/1/2": "names no model; write NAME",
        f"{MODEL}/latest": "names no model",
        f"{MODEL}/99999999999999999999": "names no model",  # no database holds so large a number
        f"runs:/{MODEL}/1": "names no model",
        "x' or name = 'y": "names no model",
        "": "names no model",
    }
    for reference, message in messages.items():
        with pytest.raises(ValueError, match=message):
            find_version(client, reference)


def test_an_alias_that_was_taken_away_names_nothing(client: MlflowClient) -> None:
    assert aliases_of(client, MODEL) == {"champion": "1", "next": "2"}
    client.delete_registered_model_alias(MODEL, "champion")
    assert aliases_of(client, MODEL) == {"next": "2"}
    with pytest.raises(ValueError, match="no version with the alias 'champion'"):
        find_version(client, f"{MODEL}@champion")


def test_the_registered_version_is_the_one_of_the_file_in_the_mlflow_of_the_file(
    client: MlflowClient, tmp_path: Path
) -> None:
    assert str(registered_version(client).version) == "2"
    elsewhere = MlflowClient(new_database(tmp_path / "elsewhere"))
    with pytest.raises(ValueError, match=r"version 2 of run .* does not have; run `dvc repro reg"):
        registered_version(elsewhere)
    (REPORTS / "register.json").unlink()
    with pytest.raises(ValueError, match=r"register\.json is missing; run `dvc repro register"):
        registered_version(client)
