"""A trained generator as an MLflow model: source code, weights, signature, nothing pickled."""

import logging
import shutil
import tempfile
from pathlib import Path

import mlflow.pyfunc
import numpy as np
from mlflow.models import Model, ModelSignature
from mlflow.types import Schema, TensorSpec

import pix2pix
from pipelines.evaluation.model_content import MODEL_FILES
from pipelines.repository.origin import installed_version, pinned_dependencies
from pix2pix.checkpoint import ModelCard
from pix2pix.data.manifest import SideRecord

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
    # It warns that pip, which uv needs not, is not installed; conda.yaml then names any version.
    logging.getLogger("mlflow.utils.environment").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as staging:
        files_dir = Path(staging) / "model"
        files_dir.mkdir()
        for name in MODEL_FILES:
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


def signature(card: ModelCard) -> ModelSignature:
    """Images of any number, height and width; dtype and channels as the model's files have them."""
    return ModelSignature(
        # Colours and grey alike become the one channel of a grayscale side.
        inputs=_schema(card.source, channels=-1 if card.source.grayscale else card.source.channels),
        outputs=_schema(card.target, channels=card.target.channels),
    )


def _schema(side: SideRecord, *, channels: int) -> Schema:
    return Schema([TensorSpec(np.dtype(side.dtype), (-1, -1, -1, channels))])
