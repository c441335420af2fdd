"""Addresses as they are printed: no password in a log, a report, a tag or a list of processes."""

import os
import re
import sys
from pathlib import Path

import pytest
from urllib3.exceptions import InsecureRequestWarning

from pipelines.commands.ui import ui
from pipelines.tracking.connection import connected
from pipelines.tracking.uri import reach, recorded_uri, tracking_uri, without_password
from pix2pix.config import Params
from pix2pix.errors import UserError
from tests.support.tls_server import tls_server, write_certificate
from tests.support.tracked_project import (
    complete,
    new_database,
)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("postgresql://me:secret@host/db", "postgresql://me:***@host/db"),
        ("postgresql+psycopg2://me:secret@host:5432/db", "postgresql+psycopg2://me:***@host:5432/db"),
        ("postgresql://me:sec@ret@host/db", "postgresql://me:***@host/db"),
        ("postgresql://me:sec/ret@host/db", "postgresql://me:***@host/db"),
        ("postgresql://me:sec:ret@host/db", "postgresql://me:***@host/db"),
        ("postgresql://:secret@host/db", "postgresql://:***@host/db"),
        ("https://secret@host/path", "https://***@host/path"),
        ("https://host/path?token=secret&a=1", "https://host/path?token=***&a=1"),
        ("postgresql://host/db?user=me&password=secret", "postgresql://host/db?user=me&password=***"),
        ("s3://bucket/x?X-Amz-Signature=secret", "s3://bucket/x?X-Amz-Signature=***"),
        ("https://me:secret@a, http://b:secret@c", "https://me:***@a, http://b:***@c"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("sqlite:////home/me/mlflow.db", "sqlite:////home/me/mlflow.db"),
    ],
)  # fmt: skip
def test_an_address_is_shown_without_its_secrets(uri: str, expected: str) -> None:
    assert without_password(uri) == expected
    assert "secret" not in without_password(uri)


def test_the_ui_gets_its_database_by_the_environment_and_listens_on_loopback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uri = "postgresql://me:secret@host/db"
    started: list[list[str]] = []
    monkeypatch.setattr(os, "environ", dict(os.environ) | {"MLFLOW_TRACKING_URI": uri})
    monkeypatch.setattr(os, "execv", lambda _, command: started.append(command))
    ui()
    (command,) = started
    assert command[0] == sys.executable
    assert not any("secret" in word for word in command)
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert os.environ["MLFLOW_BACKEND_STORE_URI"] == uri


@pytest.mark.parametrize("url", ["http://127.0.0.1:5998", "HTTP://127.0.0.1:5998"])
def test_the_ui_of_a_server_is_that_server_s(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
    monkeypatch.setattr(os, "execv", lambda *_: pytest.fail("a server was started"))
    ui()
    assert capsys.readouterr().out.splitlines() == [
        f"the runs are on the MLflow server {url}",
        f"runs    {url}/#/experiments?workflowType=machine_learning",
        f"models  {url}/#/models",
    ]


def test_the_default_database_lies_in_the_current_folder_with_the_files_beside_it(
    tmp_path: Path, project: Path, default_params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folder = tmp_path / "a folder"
    new_database(folder)
    monkeypatch.chdir(folder)
    uri = tracking_uri()
    assert uri == f"sqlite:///{folder}/mlflow.db"
    monkeypatch.chdir(tmp_path)  # as a worker, elsewhere
    complete(uri, project, default_params)
    assert sorted(path.name for path in folder.iterdir()) == ["mlartifacts", "mlflow.db"]
    assert list(folder.rglob("history.jsonl")) != []
    assert not (tmp_path / "mlruns").exists()


@pytest.mark.parametrize(
    ("configured", "meant"),
    [
        ("sqlite:///runs/x.db", "sqlite:///{here}/runs/x.db"),
        ("sqlite:////data/x.db", "sqlite:////data/x.db"),
        ("http://mlflow:5000", "http://mlflow:5000"),
    ],
)
def test_mlflows_own_variable_selects_the_server(
    configured: str, meant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", configured)
    assert tracking_uri() == meant.format(here=tmp_path)


@pytest.mark.parametrize("name", ["a?b", "a%20b", "100%25"])
def test_a_folder_that_no_address_of_a_database_can_name_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folder = tmp_path / name
    folder.mkdir()
    (folder / "mlflow.db").touch()
    monkeypatch.chdir(folder)
    for function in (tracking_uri, recorded_uri):
        with pytest.raises(UserError, match=re.escape(f"at {folder}/mlflow.db: ")):
            function()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    assert tracking_uri() == "http://mlflow:5000"


def test_a_database_is_made_where_its_address_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folder = tmp_path / "50 % #1 ü&+;:@'[]"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with connected(tracking_uri()):
        pass
    assert [path.name for path in folder.iterdir()] == ["mlflow.db"]
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("htp://host:5000", "got unsupported URI 'htp://host:5000'"),
        ("mlflow.db", "The filesystem tracking backend"),
        ("http:/host", "its host is missing"),
        ("http://host:99999", "its port is no number"),
        ("http://me:s3cret/x@host", "its port is no number"),
        ("http://me:s3cret@[::1", "its host cannot be read"),
        ("postgresql:/x", "Could not parse SQLAlchemy URL"),
        ("postgresql+none://host/x", "Can't load plugin"),
        ("sqlite:mlflow.db", "it names no file"),
        ("sqlite://", "it names no file"),
        ("sqlite:///{here}", "this is a folder"),
        ("sqlite:///{here}/notes.db", "file is not a database"),
    ],
)
def test_an_address_at_which_no_mlflow_can_be_is_no_matter_of_trying_again(
    uri: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("notes.db").write_text("not a database " * 100)
    address = uri.format(here=tmp_path)
    expected = re.escape(reason.format(here=tmp_path))
    with pytest.raises(UserError, match=expected) as raised, connected(address):
        pass
    said = str(raised.value)
    assert said.startswith(f"MLflow at {without_password(address)} cannot be used: ")
    assert "Correct MLFLOW_TRACKING_URI" in said
    assert "s3cret" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["notes.db"]


def test_a_password_is_not_shown() -> None:
    assert without_password("http://ann:s3cret@mlflow:5000/x") == "http://ann:***@mlflow:5000/x"
    assert without_password("sqlite:////data/a@b:c/mlflow.db") == "sqlite:////data/a@b:c/mlflow.db"
    assert without_password("http://mlflow:5000") == "http://mlflow:5000"


def test_a_server_is_asked_with_mlflows_own_variables_for_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, client = (write_certificate(tmp_path / name) for name in ("server.pem", "client.pem"))
    with tls_server(server, trusted_client=client) as uri:
        unknown = r"CERTIFICATE_VERIFY_FAILED.*\n.*MLFLOW_TRACKING_SERVER_CERT_PATH name the file"
        with pytest.raises(UserError, match=unknown):  # nothing that may pass
            reach(uri)
        monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(tmp_path / "missing.pem"))
        with pytest.raises(UserError, match=r"invalid path: .*missing\.pem\n.*CERT_PATH name the"):
            reach(uri)
        monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(server))
        with pytest.raises(ConnectionError, match="cannot be used"):
            reach(uri)
        monkeypatch.setenv("MLFLOW_TRACKING_CLIENT_CERT_PATH", str(client))
        reach(uri)
        monkeypatch.delenv("MLFLOW_TRACKING_SERVER_CERT_PATH")
        monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
        with pytest.warns(InsecureRequestWarning):  # as MLflow's client warns
            reach(uri)
