"""A model to be exported: a version or a model folder, with what is known of its training."""

import json
import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities.model_registry import ModelVersion

from pipelines.evaluation.model_content import MODEL_KEY, content_hash
from pipelines.paths import METRICS_PATH, PREPARED_DIR, TRAIN_PATH
from pipelines.registry.dev_sources import dev_sources
from pipelines.registry.examples import NUM_EXAMPLES, read_examples
from pipelines.registry.lineage import project_lineage
from pipelines.registry.lookup import find_version, label
from pipelines.registry.model_files import downloaded, downloading, refuse_no_model
from pipelines.registry.provenance import read_provenance
from pipelines.registry.provenance_text import Topics, lineage_topics, provenance_topics
from pipelines.tracking.connection import connected
from pipelines.tracking.uri import recorded_uri
from pix2pix.errors import UserError
from pix2pix.images.masked import decode_side
from pix2pix.model_card import ModelCard, load_card

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSource:
    """A model folder and what is known of it.

    `project_dir` has the reports of its training, at the paths of `pipelines.paths`; None if there
    are none. `sources` are images (H, W, C) of the dev split by name of the source, with the values
    of files. `lineage` and the parameters of the training are empty if they are not known.
    """

    label: str
    model_dir: Path
    project_dir: Path | None
    sources: Sequence[Mapping[str, np.ndarray]]
    lineage: Topics = ()
    params: Mapping[str, Any]


@contextmanager
def model_source(reference: str) -> Iterator[ModelSource]:
    """The model that `reference` names: a folder, or a registered version.

    The files of a version are in a temporary folder. What is known of a version is what its run in
    MLflow has, so that it is the same on every machine. Raises UserError if there is no such model.
    """
    folder = Path(reference)
    if folder.is_dir():
        yield _of_folder(folder)
        return
    with connected(recorded_uri()) as client:
        version = find_version(client, reference)
        with downloaded(client, version) as model_dir, tempfile.TemporaryDirectory() as reports:
            yield _of_version(client, version, model_dir, Path(reports))


def _of_folder(folder: Path) -> ModelSource:
    refuse_no_model(folder)
    card = load_card(folder)
    project_dir = _if_of_the_model(folder.resolve().parent, folder)
    lineage = None if project_dir is None else project_lineage(project_dir, folder)
    return ModelSource(
        label=f"{card.name} (folder {folder.resolve().name})",
        model_dir=folder,
        project_dir=project_dir,
        sources=dev_sources(card, PREPARED_DIR, limit=NUM_EXAMPLES),
        lineage=() if lineage is None else tuple(lineage_topics(lineage)),
        params={} if lineage is None else lineage.training.params,
    )


def _of_version(
    client: MlflowClient, version: ModelVersion, model_dir: Path, reports_dir: Path
) -> ModelSource:
    try:
        provenance = read_provenance(client, f"{version.name}/{version.version}")
    except UserError as error:
        logger.warning("the export has no lineage: %s", error)
        provenance = None
    return ModelSource(
        label=label(version),
        model_dir=model_dir,
        project_dir=_downloaded_reports(client, version, model_dir, reports_dir),
        sources=_examples(client, version, load_card(model_dir)),
        lineage=() if provenance is None else tuple(provenance_topics(provenance)),
        params={} if provenance is None else provenance.lineage.training.params,
    )


def _examples(
    client: MlflowClient, version: ModelVersion, card: ModelCard
) -> list[dict[str, np.ndarray]]:
    """The decoded examples that have an image for each source of the model."""
    return [
        {name: decode_side(example[name], side) for name, side in card.sources.items()}
        for example in read_examples(client, version)
        if example.keys() == card.sources.keys()
    ]


def _downloaded_reports(
    client: MlflowClient, version: ModelVersion, model_dir: Path, folder: Path
) -> Path | None:
    try:
        with downloading(f"{label(version)}: the reports of its run cannot be read"):
            download_artifacts(
                run_id=version.run_id,
                artifact_path=TRAIN_PATH.parent.name,
                dst_path=str(folder),
                tracking_uri=client.tracking_uri,
            )
    except UserError as error:
        logger.warning("%s", error)
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
            logger.warning("the export has no reports: there is no %s of this model", path)
            return None
    return project_dir
