"""Compute a hash of everything that MLflow stores about a model version, without importing MLflow.

Every `dvc repro` needs this hash, and importing MLflow would take seconds. The hash covers what
MLflow's database or server returns about the version, its run, its logged model and their files.
The content is not interpreted: if the hash is the same as just after the registration was
completed, then nothing is missing. If the hash differs or cannot be computed quickly, the caller
has to use MLflow itself.
"""

import hashlib
import http.client
import json
import sqlite3
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import url2pathname

from pipelines.processes.http_address import is_http
from pipelines.tracking.uri import sqlite_path

CONTENT_TAG = "pix2pix.model_sha256"  # of versions and logged models, see `content_hash`
LOGGED_TAG = "pix2pix.logged_model_id"  # a tag of versions, as MLflow's databases lack this field

_TIMEOUT_S = 2.0

# Tables of MLflow 3. With another version of the tables a query fails, and there is no hash.
_MODEL_ID = (
    "(SELECT value FROM model_version_tags "
    f"WHERE name = :model AND version = :version AND key = '{LOGGED_TAG}')"
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
    "SELECT * FROM model_versions WHERE name = :model AND version = :version",
    "SELECT * FROM model_version_tags WHERE name = :model AND version = :version",
    "SELECT * FROM logged_models WHERE source_run_id = :run_id",
    f"SELECT * FROM logged_models WHERE model_id = {_MODEL_ID}",
    f"SELECT * FROM logged_model_params WHERE model_id = {_MODEL_ID}",
    f"SELECT * FROM logged_model_tags WHERE model_id = {_MODEL_ID}",
    f"SELECT * FROM logged_model_metrics WHERE model_id = {_MODEL_ID}",
)
_FOLDERS = (
    "SELECT artifact_uri FROM runs WHERE run_uuid = :run_id",
    f"SELECT artifact_location FROM logged_models WHERE model_id = {_MODEL_ID}",
)


class _UnknownError(Exception):
    """The state cannot be read without importing MLflow."""


def state_sha256(uri: str, registration: Mapping[str, Any]) -> str | None:
    """The hash of what the MLflow at `uri` stores about a version, None if it cannot be computed.

    `registration` is the content of register.json, which names the version and its run. The hash
    can be computed for SQLite databases whose artifacts are in a local folder, and for servers that
    need no password.
    """
    path = sqlite_path(uri)
    try:
        if path is not None:
            state = _database_state(path, registration)
        elif is_http(uri):
            state = _server_state(uri.rstrip("/"), registration)
        else:
            return None
        text = json.dumps(list(state), sort_keys=True)
    except (_UnknownError, OSError, sqlite3.Error, http.client.HTTPException, ValueError):
        return None
    except (KeyError, TypeError, AttributeError):  # the answer is JSON, but not that of MLflow
        return None
    return hashlib.sha256(text.encode()).hexdigest()


def _database_state(path: Path, registration: Mapping[str, Any]) -> Iterator[Any]:
    """All rows about the version, and the names and sizes of its files."""
    address = f"{path.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=_TIMEOUT_S)) as database:
        for query in _ROWS:
            yield sorted(map(json.dumps, database.execute(query, registration)))
        for query in _FOLDERS:
            for (location,) in database.execute(query, registration):
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


def _server_state(uri: str, registration: Mapping[str, Any]) -> Iterator[Any]:
    """The answers of the REST API about the version, and the names and sizes of its files."""
    run = _get(uri, "runs/get", run_id=registration["run_id"])
    yield run
    yield _get(uri, "experiments/get", experiment_id=run["run"]["info"]["experiment_id"])
    name, number = registration["model"], registration["version"]
    version = _get(uri, "model-versions/get", name=name, version=number)
    yield version
    for tag in version["model_version"].get("tags", []):
        if tag["key"] == LOGGED_TAG:
            model = f"logged-models/{quote(tag['value'], safe='')}"
            yield _get(uri, model)
            yield list(_listed(uri, f"{model}/artifacts/directories", "artifact_directory_path"))
    yield list(_listed(uri, "artifacts/list", "path", run_id=registration["run_id"]))


def _listed(uri: str, request: str, key: str, folder: str = "", **fields: str) -> Iterator[Any]:
    """Every file below `folder`; the request has the folder in its field `key`."""
    page = _get(uri, request, **fields, **({key: folder} if folder else {}))
    if page.get("next_page_token"):
        raise _UnknownError(request)
    for item in page.get("files", []):
        if item["is_dir"]:
            yield from _listed(uri, request, key, item["path"], **fields)
        else:
            yield item


def _get(uri: str, request: str, **fields: str) -> Any:
    """The JSON answer of the REST API. Raises OSError if the server answers with an error."""
    query = f"?{urlencode(fields)}" if fields else ""
    address = f"{uri}/api/2.0/mlflow/{request}{query}"
    with urllib.request.urlopen(address, timeout=_TIMEOUT_S) as answer:
        return json.load(answer)
