"""A trained generator as an MLflow model: source code, weights, signature, nothing pickled."""

import hashlib
import shutil
import tempfile
from pathlib import Path

import mlflow.pyfunc
import numpy as np
from mlflow.models import Model, ModelSignature
from mlflow.types import Schema, TensorSpec

import pix2pix
from pipelines.lineage import installed_version, pinned_dependencies
from pix2pix.checkpoint import CARD_FILE, GENERATOR_FILE, ModelCard
from pix2pix.data.manifest import SideRecord
from pix2pix.errors import UserError

MODEL_FILES = (GENERATOR_FILE, CARD_FILE)  # what a translation depends on
PACKAGED_MODEL = "artifacts/model"  # where a package has them: MLflow decides the first part

_SERVED_MODEL = Path(__file__).with_name("served_model.py")
_PACKAGE_DIR = Path(pix2pix.__file__).parent


def write_package(
    folder: Path, model_dir: Path, *, card: ModelCard, example: np.ndarray, head: Model
) -> None:
    """Write the MLflow model of the model folder `model_dir` to the new folder `folder`.

    `example` is one source image (H, W, C); `head` names the run and the model in MLflow. The
    package carries its own copy of `pix2pix`, so whoever serves it needs only the packages it
    lists. It runs on the CPU; `load_model(..., model_config={"device": "cuda"})` changes that.
    """
    with tempfile.TemporaryDirectory() as staging:
        files_dir = Path(staging) / "model"
        files_dir.mkdir()
        for name in MODEL_FILES:  # the discriminator is of no use to who translates
            shutil.copyfile(model_dir / name, files_dir / name)
        mlflow.pyfunc.save_model(
            str(folder),
            python_model=str(_SERVED_MODEL),
            artifacts={"model": str(files_dir)},
            code_paths=[str(_PACKAGE_DIR)],
            model_config={"device": "cpu"},
            signature=signature(card),
            input_example=example[None],
            # Named, because MLflow would find them by loading the model in a new process.
            pip_requirements=[f"mlflow=={installed_version('mlflow')}", *pinned_dependencies()],
            mlflow_model=head,
        )


def content_hash(model_dir: Path) -> str:
    """SHA-256 of what a translation depends on. Raises UserError naming a file that is missing."""
    digest = hashlib.sha256()
    for name in MODEL_FILES:
        path = model_dir / name
        if not path.is_file():
            raise UserError(f"{path} is missing; run `dvc repro train` or `dvc pull`")
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def signature(card: ModelCard) -> ModelSignature:
    """Images of any number, height and width; dtype and channels as the model was trained."""
    return ModelSignature(inputs=_schema(card.source), outputs=_schema(card.target))


def _schema(side: SideRecord) -> Schema:
    return Schema([TensorSpec(np.dtype(side.dtype), (-1, -1, -1, side.channels))])
