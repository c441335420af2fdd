"""The stage `register`, on a model of random weights, against an MLflow database."""

import dataclasses
import json
import logging
import sys
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

from pipelines.registry import completion
from pipelines.repository.params_file import override_params
from pipelines.tracking.run_params import shown_params
from pipelines.tracking.train_record import read_train_record, write_train_record
from pix2pix.config import Params, load_params
from pix2pix.data.manifest import load_manifest
from pix2pix.data.prepared import open_split
from pix2pix.errors import UserError
from tests.support.registered_project import change_card, train, write_data, write_workspace
from tests.support.tracked_project import new_database, write_lock

TRAIN, METRICS = Path("reports/train.json"), Path("reports/metrics.json")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "first"
    write_data(folder, seed=0)
    return folder


@pytest.fixture
def uri(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty MLflow; the current folder is a project with a model that was trained and scored."""
    monkeypatch.setattr(sys, "path", list(sys.path))  # registering a model puts its code there
    folder = write_workspace(tmp_path / "project", data)
    monkeypatch.chdir(folder)
    train(seed=0)
    return new_database(tmp_path / "mlflow")


def trained_with(params: Params, *, data_hash: str | None = None) -> None:
    """Make the training one with these parameters."""
    record = read_train_record(TRAIN)
    held = dataclasses.replace(
        record.data,
        name="facades-drawn",
        num_pairs={"train": 5, "dev": 2, "test": 4},
        data_hash=data_hash or record.data.data_hash,
    )
    changed = dataclasses.replace(record, params=dataclasses.asdict(params), data=held)
    write_train_record(TRAIN, changed)
    write_lock(Path())


@pytest.mark.slow
def test_a_model_is_recorded_as_what_it_was_trained_with_not_as_the_working_copy(
    uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    trained = load_params()
    data_hash = "e" * 64
    trained_with(trained, data_hash=data_hash)
    override_params(
        Path(),
        {
            "data": {"name": "renamed", "image_size": 64, "load_size": 64},
            "model": {"norm": "instance"},
            "train": {"learning_rate": 0.5, "num_workers": 2},
            "evaluate": {"seed": 9},
            "register": {"experiment": "elsewhere"},
        },
    )
    done = completion.complete_registration(uri)
    run = MlflowClient(uri).get_run(done["run_id"])
    assert run.data.params == shown_params(dataclasses.asdict(trained))
    assert run.data.tags["pix2pix.data_hash"] == data_hash
    [used] = run.inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest) == ("facades-drawn", data_hash[:16])
    assert json.loads(used.dataset.profile) == {"num_train": 5, "num_dev": 2, "num_test": 4}
    # Where it is recorded is the working copy's word.
    assert MlflowClient(uri).get_experiment(done["experiment_id"]).name == "elsewhere"
    assert done["model"] == "pix2pix-renamed"
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(told) == 1
    differing = "model.norm, train.learning_rate, the pairs in data/prepared"
    assert f"other values of {differing} than are here" in told[0]


def test_nothing_is_said_where_nothing_differs(uri: str, caplog: pytest.LogCaptureFixture) -> None:
    trained_with(load_params(), data_hash=load_manifest(Path("data/prepared")).data_hash)
    completion.complete_registration(uri)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_model_of_another_training_is_refused(uri: str) -> None:
    record = read_train_record(TRAIN)
    train(seed=1)
    write_train_record(TRAIN, record)
    with pytest.raises(UserError, match=r"models does not hold the model that reports/train\.json"):
        completion.complete_registration(uri)
    assert MlflowClient(uri).search_registered_models() == []
    assert [e.name for e in MlflowClient(uri).search_experiments()] == ["Default"]


@pytest.mark.parametrize("scored", [None, "0" * 64])
def test_scores_of_another_model_are_refused(scored: str | None, uri: str) -> None:
    metrics = json.loads(METRICS.read_text())
    METRICS.write_text(json.dumps(metrics | {"model_sha256": scored}))
    with pytest.raises(
        UserError, match=r"metrics\.json has no scores .*`dvc repro -f -s evaluate`"
    ):
        completion.complete_registration(uri)
    assert [e.name for e in MlflowClient(uri).search_experiments()] == ["Default"]


def test_the_example_is_of_the_models_own_data_or_a_uniform_image(uri: str) -> None:
    own = open_split(Path("data/prepared"), "dev").source[0]
    np.testing.assert_array_equal(completion.example_source(), own)
    change_card(data_hash="e" * 64, image_size=64)
    example = completion.example_source()
    assert (example.shape, example.dtype) == ((64, 64, 3), own.dtype)
    assert set(example.flat) == {127}
