"""One project with everything running, shared by the tests of this folder.

It is expensive, so no test has one of its own. A test that changes what another could see (limits,
services that are stopped) sets it back before it ends; runs, experiments and names are its own.
"""

from collections.abc import Iterator

import pytest
from mlflow import MlflowClient

from tests.support.served_project import ServedProject, log_run, new_project, running
from tests.support.tracked_project import new_database


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedProject]:
    project = new_project(tmp_path_factory.mktemp("served") / "project")
    without_server = MlflowClient(new_database(project.folder))
    files = (project.folder / "mlartifacts").as_uri()
    log_run(without_server, "before the servers", artifact_location=files)
    with running(project):
        yield project
