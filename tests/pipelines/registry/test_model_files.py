import tempfile
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from pipelines.entrypoint import may_pass
from pipelines.registry.lookup import find_version
from pipelines.registry.mlflow_state import CONTENT_TAG
from pipelines.registry.model_files import downloaded, downloading
from pix2pix.errors import StorageError
from tests.support.file_size_limit import files_of_at_most
from tests.support.registered_project import (
    MODEL,
    MODELS,
    register_model,
    train,
    unreachable_version,
)

pytestmark = pytest.mark.slow  # models are registered in each: a second and more


@pytest.fixture
def version(workspace: Path, uri: str) -> ModelVersion:
    train(0)
    register_model()
    return find_version(MlflowClient(uri), f"{MODEL}/1")


def stored(version: ModelVersion, name: str) -> Path:
    return Path(version.source.removeprefix("file://")) / "artifacts" / "model" / name


def test_the_files_are_those_of_the_model_and_gone_afterwards(
    version: ModelVersion, uri: str
) -> None:
    names = ("generator.safetensors", "discriminator.safetensors", "model.json")
    with downloaded(MlflowClient(uri), version) as folder:
        assert {path.name for path in folder.iterdir()} == set(names)
        for name in names:
            assert (folder / name).read_bytes() == (MODELS / name).read_bytes()
    assert not folder.exists()
    assert stored(version, "model.json").is_file()


def test_files_that_are_not_those_that_were_registered_are_refused(
    version: ModelVersion, uri: str
) -> None:
    path = stored(version, "generator.safetensors")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1  # still a file of weights
    path.write_bytes(content)
    message = f"{MODEL} version 1: its files .* not those that were registered"
    with pytest.raises(ValueError, match=message), downloaded(MlflowClient(uri), version):
        pass
    path.unlink()
    with pytest.raises(ValueError, match=message), downloaded(MlflowClient(uri), version):
        pass


def test_files_that_are_gone_are_named(version: ModelVersion, uri: str) -> None:
    stored(version, "").parent.rename(stored(version, "").parent.with_name("lost"))
    with (
        pytest.raises(ValueError, match=f"{MODEL} version 1: its files are missing from file:"),
        downloaded(MlflowClient(uri), version),
    ):
        pass


def test_a_model_of_another_origin_is_refused(version: ModelVersion, uri: str) -> None:
    client = MlflowClient(uri)
    client.delete_model_version_tag(MODEL, "1", CONTENT_TAG)
    version = client.get_model_version(MODEL, "1")
    with (
        pytest.raises(ValueError, match="was not registered by this pipeline"),
        downloaded(client, version),
    ):
        pass


def test_a_full_disk_of_temporary_files_is_one_line_that_names_their_folder(
    version: ModelVersion, uri: str
) -> None:
    message = f"its files .* from .*: there is no room in {tempfile.gettempdir()}; make room on"
    client = MlflowClient(uri)
    with (
        pytest.raises(StorageError, match=message) as raised,
        files_of_at_most(1000),
        downloaded(client, version),
    ):
        pass
    assert "\n" not in str(raised.value)
    assert may_pass(raised.value)


def test_of_several_files_that_cannot_be_downloaded_the_first_is_named_in_one_line() -> None:
    """The text is that of mlflow.store.artifact.artifact_repo."""
    said = (
        "The following failures occurred while downloading one or more artifacts from s3://x:\n"
        "##### File model/a.json #####\nrefused\nmore\n##### File model/b.json #####\nrefused\n"
    )
    with pytest.raises(ConnectionError) as raised, downloading("no files"):
        raise MlflowException(said)
    assert str(raised.value) == "no files: model/a.json: refused"


@pytest.mark.parametrize("is_proxied", [False, True])
def test_a_store_that_does_not_answer_may_answer_later(
    is_proxied: bool, version: ModelVersion, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = MlflowClient(uri)
    other = unreachable_version(client, monkeypatch, is_proxied=is_proxied)
    message = f"{MODEL} version 2: its files cannot be read from .*/version"
    with pytest.raises(ConnectionError, match=message), downloaded(client, other):
        pass
