"""Both servers over one PostgreSQL server."""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.support.postgres import PASSWORD, QUOTED_PASSWORD, USER, postgres
from tests.support.served_project import ServedProject, ending, new_project

PREFECT_VARIABLE = "PREFECT_SERVER_DATABASE_CONNECTION_URL"

pytestmark = [pytest.mark.soak, pytest.mark.server]


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[ServedProject]:
    with ending(new_project(tmp_path / "stopped")) as project:
        yield project


@pytest.fixture(scope="module")
def database_url() -> Iterator[str]:
    # Not pytest's folder, which only its owner may enter: the cluster belongs to somebody else.
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        with postgres(Path(folder) / "cluster") as url:
            yield url


def test_both_tools_use_one_postgresql_server_and_its_password_is_not_shown(
    stopped: ServedProject, database_url: str
) -> None:
    run(database_url, "postgres", "CREATE DATABASE prefect")
    run(database_url, "postgres", "CREATE DATABASE mlflow")
    stopped.variables.update(databases_of(database_url))
    said = stopped.up()
    assert not (stopped.folder / "mlflow.db").exists()
    assert not list((stopped.folder / ".services" / "prefect").glob("*.db"))
    with stopped.client() as client:
        pool = client.read_work_pool("pix2pix")
    assert run(database_url, "prefect", "SELECT id FROM work_pool") == pool.id
    assert run(database_url, "mlflow", "SELECT name FROM experiments") == "Default"
    texts = [said.stdout, said.stderr, *written(stopped), *command_lines(stopped)]
    assert not [text for text in texts if PASSWORD in text or QUOTED_PASSWORD in text]


def test_a_wrong_password_is_one_message_without_it(
    stopped: ServedProject, database_url: str
) -> None:
    wrong = databases_of(database_url.replace(QUOTED_PASSWORD, "hidden"))
    stopped.variables[PREFECT_VARIABLE] = wrong[PREFECT_VARIABLE]
    done = stopped.up(check=False)
    assert done.returncode == 1
    assert "prefect-server ended while it started" in done.stderr
    assert 'password authentication failed for user "me"' in done.stderr
    assert "hidden" not in done.stderr
    assert not done.stderr.startswith("Traceback")
    assert stopped.programs() == {}


def databases_of(url: str) -> dict[str, str]:
    """The variables of both tools, for databases of the server at `url`."""
    return {
        PREFECT_VARIABLE: f"{url.replace('postgresql', 'postgresql+asyncpg')}/prefect",
        "MLFLOW_BACKEND_STORE_URI": f"{url.replace('postgresql', 'postgresql+psycopg2')}/mlflow",
    }


def run(url: str, database: str, statement: str) -> object:
    async def answer() -> object:
        port = int(url.rpartition(":")[2])
        connection = await asyncpg.connect(
            host="127.0.0.1", port=port, user=USER, password=PASSWORD, database=database
        )
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(answer())


def written(project: ServedProject) -> list[str]:
    """The texts that `up` and the services have written."""
    files = (project.folder / ".services").rglob("*")
    return [path.read_text(errors="replace") for path in files if path.is_file()]


def command_lines(project: ServedProject) -> list[str]:
    return [" ".join(process.cmdline()) for process in project.processes()]
