"""Which databases and files the servers use, by the tools' own variables."""

import os
import sys
from pathlib import Path

import pytest

from pipelines.services.site import (
    Site,
    client_environment,
    find_site,
    inherited_environment,
    mlflow_database,
    prefect_database,
)

POSTGRES = "postgresql://me:secret@db/mlflow"
ELSEWHERE = {"PREFECT_API_URL": "https://p.example/api", "MLFLOW_TRACKING_URI": "https://m.example"}


def site_with(project: Path, **environment: str) -> Site:
    return find_site(project, environment, running=["prefect-server", "mlflow-server"])


def test_without_variables_the_files_are_those_that_are_used_without_servers(
    tmp_path: Path,
) -> None:
    site = site_with(tmp_path)
    assert prefect_database(site) == "SQLite in .services/prefect"
    assert mlflow_database(site) == f"sqlite:///{tmp_path}/mlflow.db"
    environment = inherited_environment(site)
    assert environment["MLFLOW_BACKEND_STORE_URI"] == f"sqlite:///{tmp_path}/mlflow.db"
    assert environment["MLFLOW_ARTIFACTS_DESTINATION"] == f"file://{tmp_path}/mlartifacts"
    assert environment["MLFLOW_DEFAULT_ARTIFACT_ROOT"] == f"file://{tmp_path}/mlartifacts"
    assert environment["PREFECT_HOME"] == str(tmp_path / ".services" / "prefect")
    assert environment["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)


@pytest.mark.parametrize(
    "variable",
    ["PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_API_DATABASE_CONNECTION_URL"],
)
def test_prefect_s_database_is_named_by_either_of_its_variables(
    tmp_path: Path, variable: str
) -> None:
    site = site_with(tmp_path, **{variable: "postgresql+asyncpg://me@db/prefect"})
    assert prefect_database(site) == "postgresql+asyncpg://me@db/prefect"
    assert inherited_environment(site)[variable] == "postgresql+asyncpg://me@db/prefect"


@pytest.mark.parametrize("variable", ["MLFLOW_BACKEND_STORE_URI", "MLFLOW_TRACKING_URI"])
def test_mlflow_s_database_is_named_by_either_of_its_variables(
    tmp_path: Path, variable: str
) -> None:
    """The server does not get `MLFLOW_TRACKING_URI`, and its clients get the server."""
    site = site_with(tmp_path, **{variable: POSTGRES})
    environment = inherited_environment(site)
    assert environment["MLFLOW_BACKEND_STORE_URI"] == POSTGRES
    assert "MLFLOW_TRACKING_URI" not in environment
    assert environment["MLFLOW_ARTIFACTS_DESTINATION"] == f"file://{tmp_path}/mlartifacts"
    assert "MLFLOW_DEFAULT_ARTIFACT_ROOT" not in environment  # files go through the server
    assert client_environment(site)["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:5000"


@pytest.mark.parametrize("scheme", ["http", "HTTP"])
def test_the_address_of_this_folders_server_is_no_database(tmp_path: Path, scheme: str) -> None:
    site = site_with(tmp_path, MLFLOW_TRACKING_URI=f"{scheme}://127.0.0.1:5000")
    assert mlflow_database(site) == f"sqlite:///{tmp_path}/mlflow.db"


def test_files_go_where_the_user_says(tmp_path: Path) -> None:
    site = site_with(tmp_path, MLFLOW_ARTIFACTS_DESTINATION="s3://bucket")
    assert inherited_environment(site)["MLFLOW_ARTIFACTS_DESTINATION"] == "s3://bucket"
    assert "MLFLOW_DEFAULT_ARTIFACT_ROOT" not in inherited_environment(site)


def test_an_empty_variable_names_no_place_for_files(tmp_path: Path) -> None:
    site = site_with(tmp_path, MLFLOW_ARTIFACTS_DESTINATION="")
    here = f"file://{tmp_path}/mlartifacts"
    assert inherited_environment(site)["MLFLOW_ARTIFACTS_DESTINATION"] == here


def test_servers_elsewhere_keep_their_variables_and_the_user_s_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.services.site.check_answer", lambda url, timeout_s: None)
    monkeypatch.setattr("pipelines.services.site.reach", lambda uri: None)
    site = site_with(tmp_path, **ELSEWHERE)
    assert site.servers_here() == {}
    environment = client_environment(site)
    assert {name: environment[name] for name in ELSEWHERE} == ELSEWHERE
    assert "PREFECT_HOME" not in environment
