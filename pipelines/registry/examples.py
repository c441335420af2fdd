"""Example sources of a model: images of the dev split, kept as files of its run in MLflow.

Whoever serves a version can show them without the data set.
"""

import tempfile
from pathlib import Path

import numpy as np
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from pipelines.registry.lookup import label
from pix2pix.checkpoint import load_card
from pix2pix.config import height_width
from pix2pix.data.manifest import load_manifest
from pix2pix.data.prepared import open_split
from pix2pix.errors import UserError
from pix2pix.images.encode import encode, file_suffix
from pix2pix.images.labels import class_to_void

_FOLDER = "examples"  # of the run; the files are named by their numbers
_NUM_EXAMPLES = 6


def log_examples(client: MlflowClient, run_id: str, model_dir: Path, *, prepared_dir: Path) -> None:
    """Add the first sources of the dev split to a run, if the model was trained on these data."""
    card = load_card(model_dir)
    if load_manifest(prepared_dir).data_hash != card.data_hash:
        return
    height, width = height_width(card.image_size)
    sources = open_split(prepared_dir, "dev").source
    suffix = file_suffix(card.source.dtype, card.source.channels)
    with tempfile.TemporaryDirectory() as name:
        for number in range(min(_NUM_EXAMPLES, len(sources))):
            source = class_to_void(np.asarray(sources[number])[:height, :width], card.source)
            Path(name, f"{number}{suffix}").write_bytes(encode(source))
        client.log_artifacts(run_id, name, _FOLDER)


def read_examples(client: MlflowClient, version: ModelVersion) -> tuple[bytes, ...]:
    """The examples of a version's run as image files; none if the run has none.

    Raises UserError naming the version if they cannot be downloaded.
    """
    if version.run_id is None:
        return ()
    try:
        names = [each.path for each in client.list_artifacts(version.run_id, _FOLDER)]
        with tempfile.TemporaryDirectory() as folder:
            return tuple(
                Path(
                    download_artifacts(
                        run_id=version.run_id,
                        artifact_path=name,
                        dst_path=folder,
                        tracking_uri=client.tracking_uri,
                    )
                ).read_bytes()
                for name in sorted(names)
            )
    except (MlflowException, OSError) as error:
        raise UserError(
            f"{label(version)}: the examples of its run cannot be downloaded: {error}"
        ) from None
