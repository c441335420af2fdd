"""Example sources of a model: images of the dev split, kept as files of its run in MLflow.

Whoever serves or exports a version can show them without the data set.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from pipelines.registry.dev_sources import dev_sources
from pipelines.registry.lookup import label
from pipelines.registry.model_files import downloading
from pix2pix.data.manifest import FIRST_SOURCE, SideRecord
from pix2pix.files import write_bytes
from pix2pix.images.encode import encode, encode_as, file_suffix
from pix2pix.images.nodata import written_nodata
from pix2pix.model_card import load_card

_FOLDER = "examples"  # of the run; the files are named by their numbers, of one digit
NUM_EXAMPLES = 8

Example = Mapping[str, bytes]  # an image file of each source by its name


def log_examples(client: MlflowClient, run_id: str, model_dir: Path, *, prepared_dir: Path) -> None:
    """Add the first sources of the dev split to a run, if the model was trained on these data."""
    card = load_card(model_dir)
    examples = dev_sources(card, prepared_dir, limit=NUM_EXAMPLES)
    with tempfile.TemporaryDirectory() as folder:
        for number, images in enumerate(examples):
            for source, image in images.items():
                content, suffix = _file(image, card.sources[source])
                path = Path(folder, f"{number}{_extra_name(source)}{suffix}")
                write_bytes(path, content, is_durable=False)
        client.log_artifacts(run_id, folder, _FOLDER)


def _extra_name(source: str) -> str:
    """What stands between number and suffix of a file: nothing for the first source."""
    return "" if source == FIRST_SOURCE else f".{source}"


def _file(image: np.ndarray, side: SideRecord) -> tuple[bytes, str]:
    """The content of an image file and its suffix; the file reads as those of the side."""
    nodata = written_nodata(side, image.dtype)
    if side.nodata == "file":  # which PNG cannot state
        return encode_as(image, "image/tiff", alpha=side.alpha, nodata=nodata), ".tif"
    suffix = file_suffix(image.dtype.name, image.shape[2], alpha=side.alpha)
    return encode(image, alpha=side.alpha, nodata=nodata), suffix


def read_examples(client: MlflowClient, version: ModelVersion) -> tuple[Example, ...]:
    """The examples of a version's run; none if the run has none.

    Raises UserError naming the version if they cannot be downloaded, ConnectionError if MLflow or
    the store of its files does not answer.
    """
    if version.run_id is None:
        return ()
    with (
        downloading(f"{label(version)}: the examples of its run cannot be downloaded"),
        tempfile.TemporaryDirectory() as folder,
    ):
        if not client.list_artifacts(version.run_id, _FOLDER):
            return ()
        return _by_number(Path(client.download_artifacts(version.run_id, _FOLDER, folder)))


def _by_number(folder: Path) -> tuple[Example, ...]:
    """Read files such as 0.png and 0.depth.tif, which belong to one example."""
    examples: dict[str, dict[str, bytes]] = {}
    for path in sorted(folder.iterdir()):
        number, *middle, _ = path.name.split(".")
        source = middle[0] if middle else FIRST_SOURCE
        examples.setdefault(number, {})[source] = path.read_bytes()
    return tuple(examples.values())
