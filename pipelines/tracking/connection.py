"""The client of an MLflow server or database, and which of its errors may pass."""

import logging
import os
import re
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from requests import HTTPError, RequestException
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
)

from pipelines.tracking.uri import (
    artifact_location,
    is_server,
    reach,
    refused,
    sqlite_path,
    unusable,
    without_password,
    wrong,
)
from pix2pix.errors import UserError

# Of SQLite and PostgreSQL. MLflow calls it a bad request, and a server passes on the text only.
_DUPLICATE = re.compile(r"UNIQUE constraint failed|UniqueViolation")
_REFUSALS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
# What MLflow's client passes on of the object store of its files, where no server is in between.
_STORE_ERRORS = (BotoCoreError, ClientError, S3UploadFailedError)
# What MLflow's client raises by itself, and passes on of a database and of that store.
CLIENT_ERRORS = (MlflowException, SQLAlchemyError, RequestException, *_STORE_ERRORS)

# Alembic, with which MLflow makes tables, has one context for all threads of a process.
_MAKING = threading.Lock()


@contextmanager
def connected(uri: str) -> Iterator[MlflowClient]:
    """A client of the MLflow server or database at `uri`.

    Raises ConnectionError naming the URI, what is wrong with it and the remedy: within seconds if
    MLflow cannot be used, and later in the context where an error of MLflow may end by itself, see
    `may_pass`. Raises UserError where MLflow, or the object store of its files, refuses what the
    user tries, where the driver of a database is missing, and where no MLflow can be at the URI.
    Other errors of MLflow in the context stay as they are.
    """
    client = _connect(uri)
    try:
        yield client
    except CLIENT_ERRORS as error:
        if isinstance(error, _STORE_ERRORS):
            raise _of_store(uri, error) from error
        if may_pass(error):
            raise unusable(uri, _reason_of(error)) from error
        if is_refusal(error):
            raise refused(uri, error) from error
        raise


def _of_store(uri: str, error: Exception) -> Exception:
    kind, problem = (
        (ConnectionError, "cannot be used") if may_pass(error) else (UserError, "refuses")
    )
    return kind(
        f"the object store of the files of MLflow at {without_password(uri)} {problem}: {error}\n"
        "Check the bucket, and the credentials and the endpoint in the environment "
        "(AWS_ACCESS_KEY_ID, MLFLOW_S3_ENDPOINT_URL, ...)"
    )


def _connect(uri: str) -> MlflowClient:
    reach(uri)
    # Where a database fails, MLflow logs a traceback of a hundred lines, and raises the error, too.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    try:
        path = sqlite_path(uri)
        if path is not None:
            _make_database(path)
        client = MlflowClient(tracking_uri=uri)
        client.search_experiments(max_results=1)
    except (MlflowException, SQLAlchemyError, OSError) as error:
        if is_refusal(error):
            raise refused(uri, error) from error
        if _is_of_address(uri, error):
            raise wrong(uri, _reason_of(error)) from error
        raise unusable(uri, _reason_of(error)) from error
    except ModuleNotFoundError as error:
        raise UserError(
            f"MLflow at {without_password(uri)} needs a driver that is not installed ({error}); "
            "name the one that is, as in postgresql+psycopg2://... (docs/services.md), or install "
            "this one"
        ) from None
    return client


def _is_of_address(uri: str, error: Exception) -> bool:
    """Whether it is the address that is wrong: no time and no server that is started mends that.

    Such as a scheme that neither MLflow nor SQLAlchemy knows. Where there is no server, an error of
    MLflow that no other one has caused is what it says of the address.
    """
    if isinstance(error, MlflowException):
        return error.__cause__ is None and not is_server(uri)
    return isinstance(error, ArgumentError)


def _make_database(path: Path) -> None:
    """Make a SQLite file with MLflow's tables, completely or not at all, if there is none.

    MLflow makes them in many steps. Of two processes that do so in the same file, one fails, and a
    process that is killed meanwhile leaves a file that MLflow can never use. It also makes the
    experiment Default, whose files would lie below the current folder: that of a Ray worker is
    removed some day.
    """
    # No client of a server needs it.
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with _MAKING:
        if path.exists():
            return
        partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
        uri = f"sqlite:///{partial}"
        try:
            SqlAlchemyStore(uri, artifact_location(uri))  # type: ignore[no-untyped-call]
            _give_name(partial, path)
        finally:
            partial.unlink(missing_ok=True)


def _give_name(partial: Path, path: Path) -> None:
    """Name the file, unless another process has been faster."""
    try:
        os.link(partial, path)
    except FileExistsError:
        pass
    except OSError:  # this file system has no hard links
        partial.rename(path)


def may_pass(error: Exception) -> bool:
    """Whether the cause may end by itself: of a server, the network, a full or locked disk.

    After any other error somebody has to change something, or this program has a defect.
    """
    status = _status(error)
    if status is not None and (
        status >= HTTPStatus.INTERNAL_SERVER_ERROR
        or status in (HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS)
    ):
        return True
    if isinstance(error, MlflowException):
        # Another process has made the same at the same moment.
        return (
            error.error_code == "RESOURCE_ALREADY_EXISTS"
            or _DUPLICATE.search(str(error)) is not None
        )
    lost = (OSError, OperationalError, InterfaceError, BotoConnectionError, HTTPClientError)
    return status is None and isinstance(error, lost)


def is_refusal(error: Exception) -> bool:
    """Whether MLflow or the store of its files knows no such user, or the user lacks the rights."""
    return _status(error) in _REFUSALS


def _status(error: BaseException | None) -> int | None:
    """The HTTP status of the answer of a server; None if it is of no answer."""
    if isinstance(error, S3UploadFailedError):  # the words of a ClientError
        return _status(error.__context__)
    if isinstance(error, MlflowException):
        # MLflow's client says "internal error", status 500, where it got no answer.
        status: int = error.get_http_status_code()  # type: ignore[no-untyped-call]
        return status
    if isinstance(error, HTTPError):
        return None if error.response is None else error.response.status_code
    if isinstance(error, ClientError):
        return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
    return None


def _reason_of(error: Exception) -> str:
    """What went wrong. Of a database, its own words alone: MLflow adds the SQL on many lines."""
    failed = error if isinstance(error, DBAPIError) else error.__cause__
    reason = str(failed.orig if isinstance(failed, DBAPIError) else error).strip()
    return f"{reason}; make room on its disk" if "disk is full" in reason else reason
