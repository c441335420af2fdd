"""Download the files of a registered version and check that they are unchanged."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts, list_artifacts
from mlflow.entities.model_registry import ModelVersion

from pipelines.evaluation.model_content import MODEL_FILES, content_hash
from pipelines.registry.lookup import label
from pipelines.registry.package import PACKAGED_MODEL
from pipelines.registry.register import CONTENT_TAG
from pipelines.tracking.connection import CLIENT_ERRORS, may_pass
from pipelines.tracking.uri import without_password
from pix2pix.errors import UserError


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
    uri = client.get_model_version_download_uri(version.name, str(version.version))
    with tempfile.TemporaryDirectory() as folder:
        path = _download(client, version, f"{uri}/{PACKAGED_MODEL}", folder)
        _check_content(version, path)
        yield path


def _download(client: MlflowClient, version: ModelVersion, uri: str, folder: str) -> Path:
    shown = without_password(uri)
    with downloading(f"{label(version)}: its files cannot be downloaded from {shown}"):
        # Asked first: MLflow reports a missing file like a server that has failed.
        if not list_artifacts(artifact_uri=uri, tracking_uri=client.tracking_uri):
            raise UserError(f"{label(version)}: its files are missing from {shown}")
        return Path(
            download_artifacts(artifact_uri=uri, dst_path=folder, tracking_uri=client.tracking_uri)
        )


@contextmanager
def downloading(problem: str) -> Iterator[None]:
    """Raise what MLflow's client raises in the context as errors that say what the `problem` is.

    ConnectionError if the cause may end by itself, so that the same command may succeed later;
    UserError otherwise.
    """
    try:
        yield
    except (*CLIENT_ERRORS, OSError) as error:
        kind = ConnectionError if may_pass(error) else UserError
        raise kind(f"{problem}: {error}") from error


def _check_content(version: ModelVersion, model_dir: Path) -> None:
    registered = version.tags[CONTENT_TAG]
    has_all = all((model_dir / name).is_file() for name in MODEL_FILES)
    if not has_all or content_hash(model_dir) != registered:
        raise UserError(
            f"{label(version)}: its files in MLflow are not those that were registered (SHA-256 "
            f"{registered}, tag {CONTENT_TAG}); restore them, or delete the version"
        )
