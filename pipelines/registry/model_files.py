"""Download the files of a registered version and check that they are unchanged."""

import errno
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts, list_artifacts
from mlflow.entities.model_registry import ModelVersion
from requests import RequestException

from pipelines.evaluation.model_content import MODEL_FILES, content_hash
from pipelines.registry.lookup import label
from pipelines.registry.mlflow_state import CONTENT_TAG
from pipelines.registry.package import PACKAGED_MODEL
from pipelines.tracking.connection import CLIENT_ERRORS, is_refusal, may_pass
from pipelines.tracking.uri import without_password
from pix2pix.errors import StorageError, UserError
from pix2pix.files import NO_ROOM

# MLflow's list of what went wrong with several files; that of each may take many lines.
_FIRST_FAILURE = re.compile(r"##### File (?P<file>.+?) #####\n(?P<reason>.+)")


@contextmanager
def downloaded(client: MlflowClient, version: ModelVersion) -> Iterator[Path]:
    """Download a version as a temporary model folder.

    It has a discriminator if it was registered with one. Raises UserError naming the version if its
    files are missing or are not those that were registered, ConnectionError if MLflow or the store
    of its files does not answer.
    """
    if CONTENT_TAG not in version.tags:
        raise UserError(
            f"{label(version)} has no tag {CONTENT_TAG}: it was not registered by this pipeline"
        )
    refuse_missing_files(client, version)  # MLflow reports them like a server that has failed
    with tempfile.TemporaryDirectory() as folder:
        with _reading(client, version) as uri:
            path = Path(
                download_artifacts(
                    artifact_uri=uri, dst_path=folder, tracking_uri=client.tracking_uri
                )
            )
        _check_content(version, path)
        yield path


def refuse_missing_files(client: MlflowClient, version: ModelVersion) -> None:
    """Raise UserError naming the version if its files are gone, as after `mlflow gc`.

    Nothing is downloaded. Raises ConnectionError as `downloaded` does.
    """
    with _reading(client, version) as uri:
        if not list_artifacts(artifact_uri=uri, tracking_uri=client.tracking_uri):
            raise UserError(f"{label(version)}: its files are missing from {without_password(uri)}")


def refuse_no_model(folder: Path) -> None:
    """Raise UserError if a folder that a user names is not that of a model."""
    for name in MODEL_FILES:
        if not (folder / name).is_file():
            raise UserError(
                f"{folder / name} is missing, so {folder} is no model folder; name one that the "
                "stage `train` wrote, or a registered version"
            )


@contextmanager
def _reading(client: MlflowClient, version: ModelVersion) -> Iterator[str]:
    """Where the files are, for the context, whose failures name the version and that place."""
    source = client.get_model_version_download_uri(version.name, str(version.version))
    uri = f"{source}/{PACKAGED_MODEL}"
    with downloading(f"{label(version)}: its files cannot be read from {without_password(uri)}"):
        yield uri


@contextmanager
def downloading(problem: str) -> Iterator[None]:
    """Raise what MLflow's client raises in the context as errors that say what the `problem` is.

    ConnectionError if the cause may end by itself, so that the same command may succeed later;
    StorageError if it is this machine's disk; UserError otherwise. Refusals stay as they are,
    because `connected`, around the context, says which variables and rights are needed.
    """
    try:
        yield
    except (*CLIENT_ERRORS, OSError) as error:
        if is_refusal(error):
            raise
        raise _failure(problem, error) from error


def _failure(problem: str, error: Exception) -> Exception:
    if _is_of_full_disk(error):
        full = StorageError(
            f"{problem}: there is no room in {tempfile.gettempdir()}; make room on its disk, or "
            "set TMPDIR to a folder on another disk"
        )
        full.errno = errno.ENOSPC
        return full
    said = f"{problem}: {_reason_of(error)}"
    if isinstance(error, FileNotFoundError):
        return UserError(said)
    is_of_connection = isinstance(error, ConnectionError | TimeoutError | RequestException)
    if isinstance(error, OSError) and error.errno is not None and not is_of_connection:
        failure = StorageError(said)
        failure.errno = error.errno
        return failure
    return (ConnectionError if may_pass(error) else UserError)(said)


def _is_of_full_disk(error: Exception) -> bool:
    """Whether this machine's disk is full, which MLflow reports as a failure of its server."""
    return any(os.strerror(number) in str(error) for number in NO_ROOM)


def _reason_of(error: Exception) -> str:
    """What went wrong, of several files with the first: MLflow adds the others on many lines."""
    first = _FIRST_FAILURE.search(str(error))
    return f"{first['file']}: {first['reason']}" if first else str(error)


def _check_content(version: ModelVersion, model_dir: Path) -> None:
    registered = version.tags[CONTENT_TAG]
    has_all = all((model_dir / name).is_file() for name in MODEL_FILES)
    if not has_all or content_hash(model_dir) != registered:
        raise UserError(
            f"{label(version)}: its files in MLflow are not those that were registered (SHA-256 "
            f"{registered}, tag {CONTENT_TAG}); restore them, or delete the version"
        )
