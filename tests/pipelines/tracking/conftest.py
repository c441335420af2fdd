"""A finished training as files, and an empty MLflow."""

from pathlib import Path

import pytest

from pipelines.tracking import reconciler
from tests.support.tracked_project import new_database, write_project


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project")


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return new_database(tmp_path / "mlflow")


@pytest.fixture
def soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask an MLflow that could not be used again without a long pause."""
    monkeypatch.setattr(reconciler, "_MIN_PAUSE_S", 0.05)
