"""A model to be exported: a version or a model folder, with the reports of its training."""

import json
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from pipelines.evaluation.model_content import MODEL_KEY, content_hash
from pipelines.paths import METRICS_PATH, TRAIN_PATH
from pipelines.registry.lookup import find_version, label
from pipelines.registry.model_files import downloaded
from pipelines.tracking.connection import connected
from pipelines.tracking.uri import tracking_uri
from pix2pix.checkpoint import load_card

logger = logging.getLogger(__name__)


class ModelSource(NamedTuple):
    """A model folder and what is known of it.

    `project_dir` has the reports of its training, at the paths of `pipelines.paths`; None if there
    are none. `run_id` is that of its MLflow run; None for a folder.
    """

    label: str
    model_dir: Path
    project_dir: Path | None
    uri: str | None
    run_id: str | None


@contextmanager
def model_source(reference: str) -> Iterator[ModelSource]:
    """The model that `reference` names: a folder, or a registered version.

    The files of a version are in a temporary folder. Raises UserError if there is no such model.
    """
    folder = Path(reference)
    if folder.is_dir():
        yield ModelSource(
            label=f"{load_card(folder).name} (folder {folder.resolve().name})",
            model_dir=folder,
            project_dir=_if_of_the_model(folder.resolve().parent, folder),
            uri=None,
            run_id=None,
        )
        return
    with connected(tracking_uri()) as client:
        version = find_version(client, reference)
        with downloaded(client, version) as model_dir, tempfile.TemporaryDirectory() as reports:
            yield ModelSource(
                label=label(version),
                model_dir=model_dir,
                project_dir=_downloaded_reports(client, version, model_dir, Path(reports)),
                uri=f"models:/{version.name}/{version.version}",
                run_id=version.run_id,
            )


def _downloaded_reports(
    client: MlflowClient, version: ModelVersion, model_dir: Path, folder: Path
) -> Path | None:
    try:
        download_artifacts(
            run_id=version.run_id,
            artifact_path=TRAIN_PATH.parent.name,
            dst_path=str(folder),
            tracking_uri=client.tracking_uri,
        )
    except (MlflowException, OSError) as error:
        logger.warning("%s: the reports of its run cannot be read: %s", label(version), error)
        return None
    return _if_of_the_model(folder, model_dir)


def _if_of_the_model(project_dir: Path, model_dir: Path) -> Path | None:
    """The folder, if its reports are of this model and not of an earlier or a later one."""
    content = content_hash(model_dir)
    for path in (TRAIN_PATH, METRICS_PATH):
        try:
            described = json.loads((project_dir / path).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            described = {}
        if described.get(MODEL_KEY) != content:
            logger.warning(
                "the export has no scores and no lineage: there is no %s of this model", path
            )
            return None
    return project_dir
