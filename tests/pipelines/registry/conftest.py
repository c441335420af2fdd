"""Two small prepared data sets, an empty MLflow, and a project on the first of them."""

import sys
from pathlib import Path

import pytest

from pipelines.registry import film_parts
from tests.support.model_folders import write_model
from tests.support.registered_project import (
    MODEL,
    register_model,
    train,
    write_data,
    write_workspace,
)
from tests.support.tracked_project import (
    new_database,
    write_project,
)


@pytest.fixture(scope="session")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("datasets")
    for seed in range(2):
        write_data(folder / str(seed), seed=seed)
    return [folder / str(seed) for seed in range(2)]


@pytest.fixture
def uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    uri = new_database(tmp_path / "mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setattr(sys, "path", list(sys.path))  # registering a model puts its code there
    return uri


@pytest.fixture
def workspace(
    tmp_path: Path, datasets: list[Path], uri: str, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The current folder."""
    folder = write_workspace(tmp_path / "first", datasets[0])
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def other_workspace(tmp_path: Path, datasets: list[Path], workspace: Path) -> Path:
    """On the second data set; a test goes there by itself."""
    return write_workspace(tmp_path / "second", datasets[1])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = write_project(tmp_path / "project")
    write_model(project / "models")
    return project


@pytest.fixture
def model(workspace: Path) -> str:
    train(0)
    register_model()
    return f"{MODEL}/1"


@pytest.fixture
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Films are translated in parts and batches of few frames."""
    monkeypatch.setattr(film_parts, "PART_FRAMES", 4)
    monkeypatch.setattr(film_parts, "BATCH_FRAMES", 3)
