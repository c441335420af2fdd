"""One PostgreSQL server for both tools, by `DATABASE_URL`; missing databases are created."""

import asyncio
import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass

import asyncpg
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from pix2pix.errors import UserError

_EXAMPLE = "postgresql://user:password@host:5432"
_TIMEOUT_S = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Databases:
    """The URL of each tool's database, with the password, in the driver's spelling."""

    prefect: str
    mlflow: str
    server: URL


def parse_database_url(text: str) -> Databases:
    """Read `DATABASE_URL`. Raises UserError, without the password, if it cannot be used."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):  # their messages show the URL
        raise UserError(f"DATABASE_URL is not a URL like {_EXAMPLE}") from None
    if url.get_backend_name() not in ("postgresql", "postgres") or not url.host:
        raise UserError(f"DATABASE_URL must be like {_EXAMPLE}, got {url.render_as_string()}")
    if unknown := sorted(set(url.query) - {"sslmode"}):
        raise UserError(f"DATABASE_URL takes no other option than sslmode, got {unknown[0]!r}")
    if importlib.util.find_spec("psycopg2") is None:
        raise UserError("DATABASE_URL needs psycopg2; install it: pip install -e '.[postgres]'")
    ssl = {"ssl": url.query["sslmode"]} if "sslmode" in url.query else {}
    prefect = url.set(drivername="postgresql+asyncpg", database="prefect", query=ssl)
    mlflow = url.set(drivername="postgresql+psycopg2", database="mlflow")
    return Databases(
        prefect=prefect.render_as_string(hide_password=False),
        mlflow=mlflow.render_as_string(hide_password=False),
        server=url.set(drivername="postgresql"),
    )


_REFUSED = (
    asyncpg.InvalidAuthorizationSpecificationError,  # a wrong password is one
    asyncpg.InsufficientPrivilegeError,
)


def create_missing(databases: Databases, names: Iterable[str]) -> None:
    """Create those of the databases `prefect` and `mlflow` that are missing.

    Raises an error that names the server and what is wrong, without the password: UserError where
    it refuses this user, ConnectionError where it may answer later.
    """
    for name in names:
        asyncio.run(_create(databases.server, name))


async def _create(server: URL, name: str) -> None:
    try:
        try:
            connection = await _connect(server, name)
        except asyncpg.InvalidCatalogNameError:
            connection = await _connect(server, server.database or "postgres")
            await connection.execute(f'CREATE DATABASE "{name}"')
        await connection.close()
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        kind = UserError if isinstance(error, _REFUSED) else ConnectionError
        raise kind(
            f"the PostgreSQL database {name} at {server.render_as_string()} cannot be used: "
            f"{str(error) or type(error).__name__}\n"
            "Start the server, correct DATABASE_URL, or unset it to use SQLite."
        ) from None


async def _connect(server: URL, database: str) -> asyncpg.Connection:
    return await asyncpg.connect(
        host=server.host,
        port=server.port,
        user=server.username,
        password=server.password,
        database=database,
        ssl=server.query.get("sslmode"),
        timeout=_TIMEOUT_S,
    )
