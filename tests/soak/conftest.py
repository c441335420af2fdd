"""What the long tests share with the others."""

from pathlib import Path

import pytest

from tests.pipelines.conftest import Project, copy_project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return copy_project(tmp_path)
