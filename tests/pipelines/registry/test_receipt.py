"""`register` asks no more than it must, and is never content where something is missing."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric

from pipelines.paths import RECEIPT_PATH, REGISTER_PATH
from pipelines.registry import receipt
from pipelines.registry.champion import NOT_COMPARED
from pipelines.registry.comparison import Outcome
from pipelines.registry.mlflow_state import LOGGED_TAG, state_sha256
from pipelines.stages import register
from tests.support.registered_project import MODEL, train, write_data, write_workspace
from tests.support.tracked_project import new_database, write_lock

pytestmark = pytest.mark.slow  # each with a registered model in a database of its own


@dataclass(frozen=True)
class Done:
    """A project after `register`."""

    uri: str
    folder: Path  # with the database and the files of MLflow
    registration: dict[str, str]

    @property
    def run_id(self) -> str:
        return self.registration["run_id"]

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(self.uri)

    def still_complete(self) -> dict[str, str] | None:
        content = receipt.registered_sha256(self.uri)
        return receipt.still_complete(self.uri, registered_sha256=content)

    def execute(self, statement: str) -> None:
        with closing(sqlite3.connect(self.folder / "mlflow.db")) as database, database:
            assert database.execute(statement).rowcount


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    folder = tmp_path_factory.mktemp("registered")
    write_data(folder / "data", seed=0)
    project = write_workspace(folder / "project", folder / "data")
    uri = new_database(folder / "mlflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", list(sys.path))  # registering a model puts its code there
        patch.setenv("MLFLOW_TRACKING_URI", uri)
        patch.chdir(project)
        train(seed=0)
        write_lock(Path())
        register.main()
        registration = receipt.still_complete(uri, registered_sha256=receipt.registered_sha256(uri))
        assert registration is not None
        yield Done(uri, folder / "mlflow", registration)


@pytest.fixture
def done(registered: Done, tmp_path: Path) -> Iterator[Done]:
    """With all that a test does to project and MLflow undone."""
    # Absolute: where the tests are interrupted, the current folder is the checkout again before
    # this fixture ends.
    project = Path.cwd()
    places = {project / name: tmp_path / name for name in ("models", "reports")}
    places[registered.folder / "mlartifacts"] = tmp_path / "mlartifacts"
    for place, kept in places.items():
        shutil.copytree(place, kept)
    for name in ("params.yaml", "dvc.lock"):
        shutil.copy(project / name, tmp_path / name)
    _copy_database(registered.folder / "mlflow.db", tmp_path / "mlflow.db")
    assert registered.still_complete() == registered.registration
    yield registered
    for place, kept in places.items():
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(kept, place)
    for name in ("params.yaml", "dvc.lock"):
        shutil.copy(tmp_path / name, project / name)
    _copy_database(tmp_path / "mlflow.db", registered.folder / "mlflow.db")


def _copy_database(source: Path, target: Path) -> None:
    """By SQLite: MLflow has the database open."""
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def new_metric(done: Done) -> None:
    done.client.log_metric(done.run_id, "test/l1", 0.5, step=0)


def new_model_metric(done: Done) -> None:
    model_id = done.client.get_model_version(MODEL, "1").tags[LOGGED_TAG]
    point = Metric("test/l1", 0.5, 1, 0, model_id=model_id, run_id=done.run_id)
    done.client.log_batch(done.run_id, metrics=[point])


def deleted_model(done: Done) -> None:
    done.client.delete_logged_model(done.client.get_model_version(MODEL, "1").tags[LOGGED_TAG])


IN_MLFLOW: dict[str, Callable[[Done], object]] = {
    "run deleted": lambda done: done.client.delete_run(done.run_id),
    "run gone": lambda done: done.execute("DELETE FROM runs"),
    "run failed": lambda done: done.client.set_terminated(done.run_id, "FAILED"),
    "tag of the run deleted": lambda done: done.client.delete_tag(done.run_id, "pix2pix.data_hash"),
    "tag of the run changed": lambda done: done.client.set_tag(done.run_id, "pix2pix.torch", "x"),
    "parameter gone": lambda done: done.execute("DELETE FROM params WHERE key = 'train.seed'"),
    "metric changed": new_metric,
    "an early point gone": lambda done: done.execute(
        "DELETE FROM metrics WHERE key = 'dev/l1' AND step = 1"
    ),
    "metric of the model changed": new_model_metric,
    "experiment deleted": lambda done: done.client.delete_experiment(
        done.registration["experiment_id"]
    ),
    "experiment renamed": lambda done: done.client.rename_experiment(
        done.registration["experiment_id"], "another"
    ),
    "version deleted": lambda done: done.client.delete_model_version(MODEL, "1"),
    "model deleted": lambda done: done.client.delete_registered_model(MODEL),
    "model renamed": lambda done: done.client.rename_registered_model(MODEL, "another"),
    "tag of the version deleted": lambda done: done.client.delete_model_version_tag(
        MODEL, "1", "pix2pix.run_key"
    ),
    "description changed": lambda done: done.client.update_model_version(MODEL, "1", "x"),
    "logged model deleted": deleted_model,
    "picture gone": lambda done: next(done.folder.rglob("*+compressed.webp")).unlink(),
    "weights gone": lambda done: next(done.folder.rglob("generator.safetensors")).unlink(),
    "weights cut off": lambda done: next(
        done.folder.rglob("generator.safetensors")
    ).write_bytes(b""),
    "files gone": lambda done: shutil.rmtree(done.folder / "mlartifacts"),
    "a later MLflow": lambda done: done.execute("UPDATE alembic_version SET version_num = 'x'"),
    "tables of another MLflow": lambda done: done.execute(
        "ALTER TABLE logged_models RENAME TO models"
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", IN_MLFLOW)
def test_a_change_in_mlflow_is_noticed(change: str, done: Done) -> None:
    IN_MLFLOW[change](done)
    assert done.still_complete() is None


def test_an_empty_mlflow_holds_something_else_and_no_mlflow_cannot_be_told(
    done: Done, tmp_path: Path
) -> None:
    asked = {"model": MODEL, "version": "1", "run_id": done.run_id}
    empty, nothing = new_database(tmp_path / "empty"), tmp_path / "text.db"
    nothing.write_text("no database " * 99)
    held = state_sha256(done.uri, asked)
    assert held is not None
    assert state_sha256(empty, asked) not in (None, held)
    assert state_sha256(f"sqlite:///{nothing}", asked) is None
    assert state_sha256(f"sqlite:///{tmp_path}/missing.db", asked) is None
    assert not (tmp_path / "missing.db").exists()


def edited(path: str) -> Callable[[], object]:
    return lambda: Path(path).write_bytes(Path(path).read_bytes() + b" ")


IN_THE_PROJECT: dict[str, Callable[[], object]] = {
    "parameters": edited("params.yaml"),
    "scores": edited("reports/metrics.json"),
    "history": edited("reports/history.jsonl"),
    "training": edited("reports/train.json"),
    "weights": edited("models/generator.safetensors"),
    "card": edited("models/model.json"),
    "picture": edited("reports/samples/epoch_0003.png"),
    "new picture": lambda: Path("reports/samples/epoch_0004.png").write_bytes(b"x"),
    "hashes": lambda: Path("dvc.lock").unlink(),
    "receipt gone": RECEIPT_PATH.unlink,
    "receipt damaged": lambda: RECEIPT_PATH.write_text("{"),
    "receipt of something else": lambda: RECEIPT_PATH.write_text('{"registered_sha256": "x"}'),
    "receipt of no mapping": lambda: RECEIPT_PATH.write_text("[]"),
}


@pytest.mark.parametrize("change", IN_THE_PROJECT)
def test_a_change_in_the_project_is_noticed(change: str, done: Done) -> None:
    IN_THE_PROJECT[change]()
    assert done.still_complete() is None


def test_other_code_is_noticed(done: Done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other.py").write_text("")
    monkeypatch.setattr(receipt, "_CODE", (tmp_path,))
    assert done.still_complete() is None


def test_another_mlflow_is_noticed_even_if_it_holds_the_same(done: Done, tmp_path: Path) -> None:
    shutil.copytree(done.folder, tmp_path / "copy")
    uri = f"sqlite:///{tmp_path}/copy/mlflow.db"
    content = receipt.registered_sha256(uri)
    assert receipt.still_complete(uri, registered_sha256=content) is None


def test_a_database_that_is_being_written_to_is_not_waited_for(done: Done) -> None:
    with closing(sqlite3.connect(done.folder / "mlflow.db")) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        assert done.still_complete() is None


@pytest.mark.parametrize("change", ["version deleted", "run deleted", "metric changed"])
def test_what_is_missing_is_made_good_and_then_nothing_is_missing(change: str, done: Done) -> None:
    IN_MLFLOW[change](done)
    register.main()
    again = done.still_complete()
    assert again is not None
    version = done.client.get_model_version(MODEL, again["version"])
    assert (version.current_stage, version.run_id) == ("None", again["run_id"])
    run = done.client.get_run(again["run_id"])
    assert (run.info.lifecycle_stage, run.data.metrics["test/l1"]) == ("active", 0.25)


def test_a_complete_registration_is_confirmed_without_torch_and_mlflow(done: Done) -> None:
    """DVC has removed register.json by then: it is an output of the stage."""
    expected = REGISTER_PATH.read_bytes()
    REGISTER_PATH.unlink()
    script = (
        "import sys\n"
        "from pipelines.stages.register import main\n"
        "main()\n"
        "heavy = {'mlflow', 'torch', 'numpy', 'pandas', 'ray', 'pydantic'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    assert REGISTER_PATH.read_bytes() == expected


def test_a_registration_that_fails_leaves_none_of_an_earlier_model(
    done: Done, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited("models/model.json")()
    with pytest.raises(ValueError, match="models does not hold the model"):
        register.main()
    assert not REGISTER_PATH.exists()


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://localhost/mlflow",
        "http://127.0.0.1:9",
        "https://127.0.0.1:9",
        "databricks",
        "sqlite:////nowhere/mlflow.db",
        "http://[",
    ],
)
def test_of_other_places_nothing_is_said(uri: str) -> None:
    assert state_sha256(uri, {"model": "x", "version": "1", "run_id": "y"}) is None


def test_the_outcome_without_a_receipt_is_one_of_those_of_a_comparison() -> None:
    """The stage reads the word without importing the comparison, which takes seconds."""
    assert receipt._NOT_COMPARED in get_args(Outcome)
    assert receipt._NOT_COMPARED == NOT_COMPARED
