"""A project in which nothing runs yet, of each test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.served_project import ServedProject, ending, new_project


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[ServedProject]:
    with ending(new_project(tmp_path / "stopped")) as project:
        yield project
