"""Addresses as they are printed: no password in a log, a report, a tag or a list of processes."""

import os
import sys

import pytest

from pipelines.commands.ui import ui
from pipelines.tracking.uri import without_password


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
