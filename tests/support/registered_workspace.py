"""Fixtures: two small prepared data sets, an empty MLflow, and a folder with a registered model.

The tests of packages that use registered models import what they need into their conftest.py.
"""

import sys
from pathlib import Path

import pytest

from tests.support.registered_project import (
    MODEL,
    register_model,
    train,
    write_data,
    write_workspace,
)
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
def model(workspace: Path) -> str:
    train(0)
    register_model()
    return f"{MODEL}/1"
