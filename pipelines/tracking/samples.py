"""Sample grids as the images of an epoch, in the files that MLflow's interface draws by step.

`MlflowClient.log_image` writes the same files, but under new names at each call: a picture whose
second file did not arrive would be there twice after the next attempt.
"""

import re
import tempfile
import uuid
from io import BytesIO
from pathlib import Path

from mlflow import MlflowClient
from mlflow.tracking.multimedia import COMPRESSED_IMAGE_SIZE
from mlflow.utils.mlflow_tags import MLFLOW_LOGGED_IMAGES
from PIL import Image

from pipelines.tracking.run import milliseconds

SAMPLES_KEY = "samples"

_FOLDER = "images"
_FILE = re.compile(
    rf"{_FOLDER}/({SAMPLES_KEY}\+step\+(\d+)\+timestamp\+\d+\+[0-9a-f-]+)(\+compressed\.webp|\.png)"
)


def log_sample(client: MlflowClient, run_id: str, *, epoch: int, png: bytes, time_s: float) -> str:
    """Log a sample grid as the image of that epoch, unless it has one. Returns its path."""
    stem, is_whole = _logged(client, run_id).get(epoch, ("", False))
    if is_whole:
        return _path(stem)
    unique = uuid.uuid5(uuid.NAMESPACE_OID, f"{run_id}/{epoch}")
    stem = stem or f"{SAMPLES_KEY}+step+{epoch}+timestamp+{milliseconds(time_s)}+{unique}"
    with tempfile.TemporaryDirectory() as folder:
        whole, small = Path(folder) / f"{stem}.png", Path(folder) / f"{stem}+compressed.webp"
        whole.write_bytes(png)
        with Image.open(BytesIO(png)) as image:
            scale = COMPRESSED_IMAGE_SIZE / max(image.size)
            width, height = (max(1, int(side * scale)) for side in image.size)
            image.resize((width, height)).save(small)
        client.log_artifact(run_id, whole, _FOLDER)
        client.set_tag(run_id, MLFLOW_LOGGED_IMAGES, True, synchronous=True)
        client.log_artifact(run_id, small, _FOLDER)  # last: it says that the rest is there
    return _path(stem)


def logged_samples(client: MlflowClient, run_id: str) -> dict[int, str]:
    """The artifact path of each sample grid that has both of its files, by epoch."""
    logged = sorted(_logged(client, run_id).items())
    return {epoch: _path(stem) for epoch, (stem, is_whole) in logged if is_whole}


def _path(stem: str) -> str:
    return f"{_FOLDER}/{stem}.png"


def _logged(client: MlflowClient, run_id: str) -> dict[int, tuple[str, bool]]:
    """By epoch: how its files are named without their ending, and whether both are there."""
    logged: dict[int, tuple[str, bool]] = {}
    paths = (item.path for item in client.list_artifacts(run_id, _FOLDER))
    for match in filter(None, map(_FILE.fullmatch, paths)):
        stem, epoch = match[1], int(match[2])
        is_whole = not match[3].endswith(".png")
        if is_whole or epoch not in logged:
            logged[epoch] = stem, is_whole
    return logged
