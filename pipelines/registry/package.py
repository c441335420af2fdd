"""Package a trained generator as an MLflow model: source code, weights and signature, no pickle."""

import logging
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import mlflow.pyfunc
import numpy as np
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, Schema, TensorSpec

import pix2pix
from pipelines.evaluation.model_content import MODEL_FILES
from pipelines.repository.origin import installed_version, pinned_dependencies
from pix2pix.checkpoint import DISCRIMINATOR_FILE
from pix2pix.data.manifest import SideRecord
from pix2pix.inference import Images
from pix2pix.model_card import ModelCard

PACKAGED_MODEL = "artifacts/model"  # the model folder in a package; MLflow sets the name artifacts

_SERVED_MODEL = Path(__file__).with_name("served_model.py")
_PACKAGE_DIR = Path(pix2pix.__file__).parent


def write_package(
    folder: Path, model_dir: Path, *, card: ModelCard, example: Images, head: Model
) -> None:
    """Write the model folder `model_dir` as an MLflow model into the new folder `folder`.

    `example` is one source image (H, W, C), or one for each source by name; `head` has the ids of
    the run and of the model in MLflow. The package contains a copy of `pix2pix`; serving it needs
    only the Python packages that it lists. It runs on the CPU unless
    `load_model(..., model_config={"device": "cuda"})` is used.
    """
    # MLflow warns if pip is not installed, as in environments of uv. The only effect is that
    # conda.yaml does not pin the version of pip.
    logging.getLogger("mlflow.utils.environment").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as staging:
        files_dir = Path(staging) / "model"
        files_dir.mkdir()
        # Translating needs no discriminator, but another training may start from both networks.
        for name in (*MODEL_FILES, DISCRIMINATOR_FILE):
            shutil.copyfile(model_dir / name, files_dir / name)
        mlflow.pyfunc.save_model(
            str(folder),
            python_model=str(_SERVED_MODEL),
            artifacts={"model": str(files_dir)},
            code_paths=[str(_PACKAGE_DIR)],
            model_config={"device": "cpu"},
            signature=signature(card),
            input_example=_as_batch(example),
            # If these were not given, MLflow would load the model in a new process to find them.
            pip_requirements=[f"mlflow=={installed_version('mlflow')}", *pinned_dependencies()],
            mlflow_model=head,
        )


def signature(card: ModelCard) -> ModelSignature:
    """The signature: (N, H, W, C) of any N, H and W, with the model's dtypes and channels.

    The inputs of a model of several sources have their names.
    """
    inputs: list[ColSpec | TensorSpec] = [
        # A grayscale side accepts colour images, too, and converts them.
        _spec(side, -1 if side.grayscale else side.channels, name if card.extra_sources else None)
        for name, side in card.sources.items()
    ]
    output = _spec(card.target, card.target.channels)
    return ModelSignature(inputs=Schema(inputs), outputs=Schema([output]))


def _spec(side: SideRecord, channels: int, name: str | None = None) -> TensorSpec:
    return TensorSpec(np.dtype(side.dtype), (-1, -1, -1, channels), name)


def _as_batch(example: Images) -> Images:
    if isinstance(example, Mapping):
        return {name: image[None] for name, image in example.items()}
    batch: np.ndarray = example[None]
    return batch
