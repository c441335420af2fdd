"""Two small prepared data sets, an empty MLflow, and a project on the first of them."""

from pathlib import Path

import pytest

from tests.support.model_folders import write_model
from tests.support.registered_project import write_workspace
from tests.support.registered_workspace import datasets, model, uri, workspace
from tests.support.tracked_project import write_project

__all__ = ["datasets", "model", "uri", "workspace"]  # fixtures


@pytest.fixture
def other_workspace(tmp_path: Path, datasets: list[Path], workspace: Path) -> Path:
    """On the second data set; a test goes there by itself."""
    return write_workspace(tmp_path / "second", datasets[1])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = write_project(tmp_path / "project")
    write_model(project / "models")
    return project
