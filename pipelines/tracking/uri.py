"""Where MLflow is, and whether it answers. Does not need MLflow."""

import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote

from pipelines.processes.http_address import fault, is_http
from pipelines.processes.server_check import CertificateError, Tls, check_answer
from pix2pix.errors import UserError
from pix2pix.files import real_path

_DEFAULT_FILE = "mlflow.db"
_DEFAULT_URI = f"sqlite:///{_DEFAULT_FILE}"
_TIMEOUT_S = 5
_SECRET_OPTION = re.compile(
    r"([?&][^=&\s]*(?:password|passwd|secret|token|key|signature)[^=&\s]*=)[^&\s]*", re.IGNORECASE
)


def tracking_uri() -> str:
    """`MLFLOW_TRACKING_URI`, or the SQLite database `mlflow.db` in the current folder.

    A relative SQLite path is made absolute: a Ray worker runs in a folder of its own. Raises
    UserError if no address can name that file.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI") or _DEFAULT_URI
    path = sqlite_path(uri)
    if path is None:
        return uri
    absolute = str(real_path(path))
    # SQLAlchemy would make the database elsewhere: it takes ? for the end of the path, and, since
    # 2.1, decodes %20.
    if "?" in absolute or unquote(absolute) != absolute:
        raise UserError(
            f"MLflow cannot have its database at {absolute}: the address of a database has no file "
            "with ? or with % and two hexadecimal digits in its path; rename the folder, or let "
            "MLFLOW_TRACKING_URI name another database, such as sqlite:////home/NAME/mlflow.db"
        )
    return f"sqlite:///{absolute}"


def recorded_uri() -> str:
    """`tracking_uri()`, for what only reads: MLflow would make a database that is missing.

    Raises UserError if no variable names an MLflow and the current folder has no database.
    """
    if not os.environ.get("MLFLOW_TRACKING_URI") and not Path(_DEFAULT_FILE).is_file():
        where = (
            "`make run` trains a model and makes it"
            if Path("dvc.yaml").is_file()
            else "run the command in the project's folder, which holds dvc.yaml"
        )
        raise UserError(
            f"{_DEFAULT_FILE} is missing, which holds runs and models; {where}, or set "
            "MLFLOW_TRACKING_URI"
        )
    return tracking_uri()


def refuse_other_folder() -> None:
    """Raise UserError if servers would show nothing here: no project, no database, no variable."""
    if not Path("dvc.yaml").is_file():
        recorded_uri()


def artifact_location(uri: str) -> str | None:
    """Where runs of the SQLite database `uri` keep their files: a folder beside it, absolute.

    None for everything else: a server decides that itself.
    """
    path = sqlite_path(uri)
    return None if path is None else (path.resolve().parent / "mlartifacts").as_uri()


def sqlite_path(uri: str) -> Path | None:
    """The file of the SQLite database `uri`, None for everything else."""
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def without_password(uri: str) -> str:
    """A text with addresses in it, with *** in place of their passwords, tokens and keys.

    A password may contain any character, so it ends at the last @ of an address. A user name
    without a password may be a token.
    """
    text = re.sub(r"(?<=://)([^/@:\s]*):\S*@", r"\1:***@", uri)
    text = re.sub(r"(?<=://)[^/@:\s]+@", "***@", text)
    return _SECRET_OPTION.sub(r"\1***", text)


def reach(uri: str) -> None:
    """Return if something answers at `uri`.

    Raises ConnectionError naming the URI and the remedy after seconds; MLflow itself would try
    again for minutes. Raises UserError if nothing can ever answer there, or where a certificate is
    not trusted. Databases other than SQLite are not asked, and a SQLite file may be missing from a
    folder that exists.
    """
    path = sqlite_path(uri)
    try:
        if path is not None:
            _reach_file(uri, path)
        elif uri.startswith("sqlite:"):  # a database in memory, which ends with the process
            raise wrong(uri, "it names no file, as sqlite:///mlflow.db does")
        elif is_server(uri):
            health = f"{uri.rstrip('/')}/health"
            check_answer(health, timeout_s=_TIMEOUT_S, tls=_client_tls())
    except CertificateError as error:
        raise UserError(
            f"MLflow at {without_password(uri)} cannot be used: {error}\nLet "
            "MLFLOW_TRACKING_SERVER_CERT_PATH name the file with the certificate of the authority "
            "that signed the server's, and MLFLOW_TRACKING_CLIENT_CERT_PATH yours if it wants one."
        ) from None
    except (OSError, sqlite3.OperationalError) as error:
        raise unusable(uri, error) from None


def _reach_file(uri: str, path: Path) -> None:
    """As `reach`; what may end by itself is raised as OSError or sqlite3.OperationalError."""
    if not path.parent.is_dir():  # a disk that may be mounted later
        raise FileNotFoundError(f"there is no folder {path.parent}")
    if path.is_dir():
        raise wrong(uri, "this is a folder")
    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA schema_version")
    except sqlite3.OperationalError:  # such as a locked file
        raise
    except sqlite3.DatabaseError as error:
        raise wrong(uri, error) from None


def is_server(uri: str) -> bool:
    """Whether `uri` is an address of HTTP. Raises UserError if no server can be there."""
    if not is_http(uri):
        return False
    if reason := fault(uri):
        raise wrong(uri, reason)
    return True


def _client_tls() -> Tls:
    """What MLflow's client reads for TLS, see `mlflow.utils.credentials`."""
    is_insecure = os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in ("true", "1")
    return Tls(
        verify=os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH") or not is_insecure,
        cert=os.environ.get("MLFLOW_TRACKING_CLIENT_CERT_PATH") or None,
    )


def unusable(uri: str, error: Exception | str) -> ConnectionError:
    """The error that says what is wrong with `uri` and what to do."""
    return ConnectionError(
        f"MLflow at {without_password(uri)} cannot be used: {error}\nStart the server there, "
        f"or set MLFLOW_TRACKING_URI to another one (unset: {_DEFAULT_URI} in the current folder)."
    )


def wrong(uri: str, error: Exception | str) -> UserError:
    """The error that says that no MLflow can be at `uri`."""
    return UserError(
        f"MLflow at {without_password(uri)} cannot be used: {error}\nCorrect MLFLOW_TRACKING_URI, "
        f"such as http://127.0.0.1:5000 (unset: {_DEFAULT_URI} in the current folder)."
    )


def refused(uri: str, error: Exception | str) -> UserError:
    """The error that says that the MLflow at `uri` does not let this user do what was tried."""
    return UserError(
        f"MLflow at {without_password(uri)} refuses: {error}\nSet MLFLOW_TRACKING_USERNAME and "
        "MLFLOW_TRACKING_PASSWORD to those of a user who may do this, or ask whoever runs MLflow "
        "for the rights to the experiment and the registered model."
    )
