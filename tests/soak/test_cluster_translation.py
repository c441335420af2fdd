"""A folder of 10,000 images is translated by three raylets, of which one is killed."""

import json
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient
from ray.cluster_utils import Cluster

from pipelines.translation.translate_folder import translate_folder
from pix2pix.images.encode import encode
from pix2pix.inference import Translator
from tests.soak.test_node_loss import three_nodes
from tests.support.registered_project import MODEL, MODELS, register_model, train
from tests.support.registered_workspace import datasets, uri, workspace

__all__ = ["datasets", "three_nodes", "uri", "workspace"]  # fixtures

pytestmark = [pytest.mark.soak, pytest.mark.ray, pytest.mark.timeout(3600)]

NUM_IMAGES = 10_000
BEFORE_KILL = 2_000


def test_all_images_are_there_in_order_after_a_node_was_killed(
    workspace: Path, uri: str, three_nodes: Cluster, tmp_path: Path
) -> None:
    train(0)
    register_model()
    images, output = tmp_path / "images", tmp_path / "out"
    images.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (NUM_IMAGES, 8, 8, 3), dtype=np.uint8)
    for number, image in enumerate(pixels):
        (images / f"{number:05d}.png").write_bytes(encode(image))
    (images / "00017.png").write_text("broken")
    victim = sorted(three_nodes.worker_nodes, key=str)[0]
    killed = threading.Thread(target=_kill_later, args=(three_nodes, victim, output))
    killed.start()
    started_s = time.monotonic()
    folder = translate_folder(
        MlflowClient(uri), f"{MODEL}/1", input_dir=images, output_dir=output, on_cluster=True
    )
    print(f"{NUM_IMAGES} images in {time.monotonic() - started_s:.0f} s")  # noqa: T201
    killed.join()
    names = [f"{number:05d}.png" for number in range(NUM_IMAGES) if number != 17]
    assert list(folder.files) == names
    assert list(folder.failed) == ["00017.png"]
    assert list(json.loads((output / "manifest.json").read_text())["files"]) == names
    assert sorted(path.name for path in output.glob("*.png")) == names
    translator = Translator.load(MODELS)
    for number in (0, 5_000, NUM_IMAGES - 1):
        written = (output / f"{number:05d}.png").read_bytes()
        assert written == encode(translator.translate(pixels[number]))


def _kill_later(cluster: Cluster, victim: object, output: Path) -> None:
    while not output.is_dir() or sum(1 for _ in output.iterdir()) < BEFORE_KILL:
        time.sleep(0.5)
    cluster.remove_node(victim, allow_graceful=False)
