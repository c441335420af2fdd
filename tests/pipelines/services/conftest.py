"""Projects: one in which all runs, shared by the tests of this folder, and ones of a test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipelines.services.project import Project, new_project


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project after `up`; a test that stops something starts it again."""
    project = new_project(tmp_path_factory.mktemp("running") / "hello")
    try:
        project.up()
        yield project
    finally:
        project.end()


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[Project]:
    """A project in which nothing runs yet."""
    project = new_project(tmp_path / "stopped")
    try:
        yield project
    finally:
        project.end()
