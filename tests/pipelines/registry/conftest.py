"""Two small prepared data sets, an empty MLflow, and a project on the first of them."""

import sys
from pathlib import Path

import pytest

from tests.support.registered_project import write_data, write_workspace
from tests.support.tracked_project import new_database


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
