"""What MLflow holds of a registered version, as one hash, asked without importing MLflow.

MLflow and what it needs take seconds to import, for a question that is asked at each `dvc repro`.
The hash is over everything that MLflow's database, or its server, says of the version, its run,
its logged model and their files. Nothing of it is interpreted: if the same was there when the run
and the version had just been completed, they are complete. Where anything differs, or this cannot
be told at once, MLflow itself has to be asked.
"""

import hashlib
import http.client
import json
import sqlite3
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import url2pathname

from pipelines.tracking.uri import sqlite_path

LOGGED_TAG = "pix2pix.logged_model_id"  # of a version: MLflow's databases do not keep it

_TIMEOUT_S = 2.0

# Tables of MLflow 3. One that is missing, or has other columns, is an error, and so no answer.
_MODEL_ID = (
    "(SELECT value FROM model_version_tags "
    f"WHERE name = :name AND version = :version AND key = '{LOGGED_TAG}')"
)
_ROWS = (
    "SELECT version_num FROM alembic_version",
    "SELECT * FROM runs WHERE run_uuid = :run_id",
    "SELECT experiments.name, experiments.lifecycle_stage "
    "FROM experiments JOIN runs USING (experiment_id) WHERE run_uuid = :run_id",
    "SELECT * FROM params WHERE run_uuid = :run_id",
    "SELECT * FROM tags WHERE run_uuid = :run_id",
    "SELECT * FROM metrics WHERE run_uuid = :run_id",
    "SELECT * FROM latest_metrics WHERE run_uuid = :run_id",
    "SELECT * FROM inputs WHERE :run_id IN (source_id, destination_id)",
    "SELECT * FROM model_versions WHERE name = :name AND version = :version",
    "SELECT * FROM model_version_tags WHERE name = :name AND version = :version",
    f"SELECT * FROM logged_models WHERE model_id = {_MODEL_ID}",
    f"SELECT * FROM logged_model_params WHERE model_id = {_MODEL_ID}",
    f"SELECT * FROM logged_model_tags WHERE model_id = {_MODEL_ID}",
    f"SELECT * FROM logged_model_metrics WHERE model_id = {_MODEL_ID}",
)
_FOLDERS = (
    "SELECT artifact_uri FROM runs WHERE run_uuid = :run_id",
    f"SELECT artifact_location FROM logged_models WHERE model_id = {_MODEL_ID}",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Registered:
    """What is asked about."""

    name: str  # of the registered model
    version: str
    run_id: str


class _UnknownError(Exception):
    """It cannot be told here."""


def state_sha256(uri: str, registered: Registered) -> str | None:
    """A hash of what the MLflow at `uri` holds of it, None if that cannot be told at once.

    It can be told of SQLite databases that keep their files in a folder, and of servers that ask
    for no password.
    """
    path = sqlite_path(uri)
    try:
        if path is not None:
            state = _of_database(path, registered)
        elif urlsplit(uri).scheme in ("http", "https"):
            state = _of_server(uri.rstrip("/"), registered)
        else:
            return None
        text = json.dumps(list(state), sort_keys=True)
    except (_UnknownError, OSError, sqlite3.Error, http.client.HTTPException, ValueError):
        return None
    except (KeyError, TypeError, AttributeError):  # JSON, but not MLflow's
        return None
    return hashlib.sha256(text.encode()).hexdigest()


def _of_database(path: Path, registered: Registered) -> Iterator[Any]:
    """All rows, and the name and size of all files."""
    values = asdict(registered)
    address = f"{path.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=_TIMEOUT_S)) as database:
        for query in _ROWS:
            yield sorted(map(json.dumps, database.execute(query, values)))
        for query in _FOLDERS:
            for (location,) in database.execute(query, values):
                yield _files(location)


def _files(location: str) -> list[tuple[str, int]]:
    parts = urlsplit(location)
    if parts.scheme != "file":
        raise _UnknownError(location)
    folder = Path(url2pathname(parts.path))
    return sorted(
        (path.relative_to(folder).as_posix(), path.stat().st_size)
        for path in folder.rglob("*")
        if path.is_file()
    )


def _of_server(uri: str, registered: Registered) -> Iterator[Any]:
    """What its REST interface says, and the name and size of all files."""
    run = _get(uri, "runs/get", run_id=registered.run_id)
    yield run
    yield _get(uri, "experiments/get", experiment_id=run["run"]["info"]["experiment_id"])
    version = _get(uri, "model-versions/get", name=registered.name, version=registered.version)
    yield version
    for tag in version["model_version"].get("tags", []):
        if tag["key"] == LOGGED_TAG:
            model = f"logged-models/{quote(tag['value'], safe='')}"
            yield _get(uri, model)
            yield list(_listed(uri, f"{model}/artifacts/directories", "artifact_directory_path"))
    yield list(_listed(uri, "artifacts/list", "path", run_id=registered.run_id))


def _listed(uri: str, request: str, key: str, folder: str = "", **asked: str) -> Iterator[Any]:
    """Every file below `folder`, which the server calls `key`."""
    found = _get(uri, request, **asked, **({key: folder} if folder else {}))
    if found.get("next_page_token"):
        raise _UnknownError(request)
    for item in found.get("files", []):
        if item["is_dir"]:
            yield from _listed(uri, request, key, item["path"], **asked)
        else:
            yield item


def _get(uri: str, request: str, **asked: str) -> Any:
    """Raises OSError for every answer but a good one."""
    query = f"?{urlencode(asked)}" if asked else ""
    address = f"{uri}/api/2.0/mlflow/{request}{query}"
    with urllib.request.urlopen(address, timeout=_TIMEOUT_S) as answer:
        return json.load(answer)
