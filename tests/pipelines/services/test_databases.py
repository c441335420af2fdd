import pytest

from pipelines.services import databases
from pipelines.services.databases import parse_database_url


def test_each_tool_gets_its_own_database_in_its_driver_s_spelling() -> None:
    found = parse_database_url("postgresql://me:p%40ss@db:5433/any?sslmode=require")
    assert found.prefect == "postgresql+asyncpg://me:p%40ss@db:5433/prefect?ssl=require"
    assert found.mlflow == "postgresql+psycopg2://me:p%40ss@db:5433/mlflow?sslmode=require"


@pytest.mark.parametrize(
    "url",
    [
        "mysql://me:hidden@db",
        "postgresql:///nowhere",
        "me:hidden@db",
        "postgresql://me:hidden@db:port",
        "postgresql://me:hidden@db?options=x",
    ],
)
def test_what_cannot_be_used_is_refused_without_the_password(url: str) -> None:
    with pytest.raises(ValueError, match="DATABASE_URL") as caught:
        parse_database_url(url)
    assert "hidden" not in str(caught.value)


def test_a_missing_driver_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"psycopg2.*\[postgres\]"):
        parse_database_url("postgresql://me@db")
