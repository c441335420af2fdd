"""A project in which nothing runs yet, of each test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.served_project import ServedProject, new_project


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[ServedProject]:
    project = new_project(tmp_path / "stopped")
    try:
        yield project
    finally:
        project.end()
