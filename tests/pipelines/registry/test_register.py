"""What a registered version holds and says."""

import errno
import json
import os
import tempfile
from importlib.metadata import version
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_MODEL_VERSIONS

from pipelines.registry.mlflow_state import LOGGED_TAG
from pix2pix.config import Params
from pix2pix.errors import StorageError
from tests.support.model_folders import source_image, write_model
from tests.support.registrations import NAME, package_dir, register
from tests.support.tracked_project import (
    HISTORY,
    ORIGIN,
    RUN_KEY,
    SCORES,
    USER,
    complete,
    metric_points,
)

pytestmark = pytest.mark.slow  # models are registered in each: a second and more


def test_a_registered_model_holds_code_and_weights_and_nothing_pickled(
    uri: str, project: Path, default_params: Params
) -> None:
    registration = register(uri, project, complete(uri, project, default_params))
    folder = package_dir(uri, registration)
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {Path(name).suffix for name in files} <= {
        "", ".css", ".html", ".js", ".json", ".py", ".safetensors", ".txt", ".typed", ".yaml"
    }  # fmt: skip
    assert {name for name in files if name.startswith("artifacts/")} == {
        "artifacts/model/discriminator.safetensors",
        "artifacts/model/generator.safetensors",
        "artifacts/model/model.json",
    }
    assert {"served_model.py", "code/pix2pix/inference/translator.py"} <= files
    requirements = (folder / "requirements.txt").read_text().splitlines()
    assert f"mlflow=={version('mlflow')}" in requirements
    assert f"safetensors=={version('safetensors')}" in requirements
    example = json.loads((folder / "serving_input_example.json").read_text())
    np.testing.assert_array_equal(np.array(example["inputs"])[0], source_image())


def test_registering_twice_changes_nothing(uri: str, project: Path, default_params: Params) -> None:
    run = complete(uri, project, default_params)
    points = metric_points(uri, run.run_id)
    first = register(uri, project, run)
    client = MlflowClient(uri)
    held = client.get_model_version(NAME, first.version)
    logged = client.get_logged_model(held.tags[LOGGED_TAG]).to_dictionary()
    assert register(uri, project, run) == first
    assert dict(client.get_model_version(NAME, first.version)) == dict(held)
    assert client.get_logged_model(held.tags[LOGGED_TAG]).to_dictionary() == logged
    assert len(client.search_model_versions(f"name = '{NAME}'")) == 1
    assert len(client.search_logged_models([run.experiment_id])) == 1
    assert metric_points(uri, run.run_id) == points


def test_what_a_killed_registration_did_not_link_the_next_one_links(
    uri: str, project: Path, default_params: Params
) -> None:
    run = complete(uri, project, default_params)
    client = MlflowClient(uri)
    model_id = client.get_model_version(NAME, register(uri, project, run).version).tags[LOGGED_TAG]
    linked = client.get_logged_model(model_id).tags
    client.delete_logged_model_tag(model_id, MLFLOW_MODEL_VERSIONS)
    register(uri, project, run)
    assert client.get_logged_model(model_id).tags == linked


@pytest.mark.parametrize(
    "moment",
    ["log_model_artifacts", "finalize_logged_model", "log_outputs", "create_model_version"],
)
def test_a_model_that_a_killed_registration_began_the_next_one_completes(
    moment: str,
    uri: str,
    project: Path,
    default_params: Params,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = complete(uri, project, default_params)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(MlflowClient, moment, killed)
        with pytest.raises(KeyboardInterrupt):
            register(uri, project, run)
    version = MlflowClient(uri).get_model_version(NAME, register(uri, project, run).version)
    client = MlflowClient(uri)
    (logged,) = client.search_logged_models([run.experiment_id])
    assert (logged.model_id, logged.status) == (version.tags[LOGGED_TAG], "READY")
    (output,) = client.get_run(run.run_id).outputs.model_outputs
    assert output.model_id == logged.model_id
    translator = mlflow.pyfunc.load_model(logged.artifact_location)
    assert translator.predict(source_image()[None]).shape == source_image()[None].shape


def test_a_model_shows_the_metrics_of_its_weights(
    uri: str, project: Path, default_params: Params
) -> None:
    run = complete(uri, project, default_params)
    registration = register(uri, project, run)
    client = MlflowClient(uri)
    version = client.get_model_version(NAME, registration.version)
    shown = {
        (metric.key, metric.value)
        for metric in client.get_logged_model(version.tags[LOGGED_TAG]).metrics
    }
    of_epoch = {(key, value) for key, value in HISTORY[3].items() if "/" in key}
    scores = {
        (key, value)
        for key, value in client.get_run(run.run_id).data.metrics.items()
        if key.startswith("test/")
    }
    assert shown == of_epoch | scores


def test_other_weights_and_another_training_are_versions_of_their_own(
    uri: str, project: Path, default_params: Params
) -> None:
    run = complete(uri, project, default_params)
    assert register(uri, project, run).version == "1"
    path = project / "reports" / "train.json"
    path.write_text(path.read_text().replace(RUN_KEY, "another"))
    other = complete(uri, project, default_params)
    assert register(uri, project, other).version == "2"  # the same weights
    write_model(project / "models")  # random: other weights
    assert register(uri, project, other).version == "3"
    assert register(uri, project, run).version == "4"


def test_under_another_name_the_same_training_is_a_version_of_that_model(
    uri: str, project: Path, default_params: Params
) -> None:
    run = complete(uri, project, default_params)
    register(uri, project, run)
    other = register(uri, project, run, name="another")
    assert (other.model, other.version) == ("another", "1")
    assert len(MlflowClient(uri).search_model_versions(f"run_id = '{run.run_id}'")) == 2


def test_a_version_says_what_it_is(uri: str, project: Path, default_params: Params) -> None:
    run = complete(uri, project, default_params)
    registration = register(uri, project, run)
    client = MlflowClient(uri)
    held = client.get_model_version(NAME, registration.version)
    assert held.run_id == run.run_id
    assert len(held.tags.pop("pix2pix.model_sha256")) == 64
    logged = client.get_logged_model(held.tags.pop(LOGGED_TAG))
    (link,) = json.loads(logged.tags[MLFLOW_MODEL_VERSIONS])
    assert (link["name"], str(link["version"])) == (NAME, registration.version)
    assert held.tags == {
        "pix2pix.run_key": RUN_KEY,
        "pix2pix.data_hash": "d" * 64,
        "mlflow.source.git.commit": ORIGIN.commit,  # of the training
        "mlflow.user": USER,
        "pix2pix.inference_mode": "published",
        "dev/l1": "0.1",
        "test/l1": "0.1",
        "test/l1_low": "0.09",
        "test/psnr_db": "10.5",
        "test/num_images": "4.0",
    }
    assert "**facades-drawn**, AtoB" in held.description
    assert "dev/l1 0.1\n\n| test&emsp; | model&emsp; | mean target |" in held.description
    assert "| l1&emsp; | 0.1&emsp; | 0.3" in held.description


def test_another_evaluation_of_the_same_weights_updates_their_version(
    uri: str, project: Path, default_params: Params
) -> None:
    first = register(uri, project, complete(uri, project, default_params))
    scores = SCORES | {"test": SCORES["test"] | {"l1": 0.0625}}
    (project / "reports" / "metrics.json").write_text(json.dumps(scores))
    assert register(uri, project, complete(uri, project, default_params)) == first
    held = MlflowClient(uri).get_model_version(NAME, first.version)
    assert held.tags["test/l1"] == "0.0625"
    assert "| l1&emsp; | 0.0625&emsp; | 0.3" in held.description


def test_a_password_of_mlflow_is_not_written_with_the_registration(
    uri: str, project: Path, default_params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = complete(uri, project, default_params)
    address = property(lambda client: "http://ann:secret@mlflow:5000")
    monkeypatch.setattr(MlflowClient, "tracking_uri", address)
    assert register(uri, project, run).tracking_uri == "http://ann:***@mlflow:5000"


def test_a_full_disk_of_temporary_files_is_named_when_a_model_is_packed(
    uri: str, project: Path, default_params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = complete(uri, project, default_params)

    def save_model(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(mlflow.pyfunc, "save_model", save_model)
    packed_in = rf"^{tempfile.gettempdir()}/\w+ cannot be written: .*; make room on its disk"
    with pytest.raises(StorageError, match=packed_in):
        register(uri, project, run)


def test_a_model_without_weights_is_named(uri: str, project: Path, default_params: Params) -> None:
    run = complete(uri, project, default_params)
    (project / "models" / "generator.safetensors").unlink()
    with pytest.raises(
        ValueError, match=r"generator\.safetensors is missing; run `dvc repro train`"
    ):
        register(uri, project, run)
    assert MlflowClient(uri).search_registered_models() == []
