"""The files of the test split are converted exactly as in the evaluation."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pix2pix.checkpoint import load_generator
from pix2pix.config import DataConfig, SideConfig, load_params
from pix2pix.data.loader import EvalBatches
from pix2pix.data.manifest import Manifest
from pix2pix.data.prepared import open_split
from pix2pix.data.ranges import from_network
from pix2pix.images.encode import encode
from pix2pix.images.resize import resize
from pix2pix.models import GeneratorConfig, InferenceNetwork, translate
from pix2pix.preparation.prepare import prepare_pairs
from tests.support.translators import make_translator

PARAMS = Path(__file__).parents[3] / "params" / "default.yaml"
MODES = ["published", "deterministic"]


def make_config(**changes: object) -> DataConfig:
    config = load_params(PARAMS).data
    defaults = {"source": "folder", "path": "x", "layout": "two_folders", "near_duplicate_bits": -1}
    return dataclasses.replace(config, **defaults, image_size=32, load_size=36, **changes)


def make_side(**changes: object) -> SideConfig:
    return dataclasses.replace(load_params(PARAMS).data.side_a, **changes)


def colours(seed: int) -> bytes:
    return encode(np.random.default_rng(seed).integers(0, 256, (90, 130, 3), dtype=np.uint8))


def palette(seed: int) -> bytes:
    """Return a PNG file of ids 0..4 and void 255, with a palette of random colours."""
    rng = np.random.default_rng(seed)
    ids = rng.choice(np.array([0, 1, 2, 3, 4, 255], np.uint8), (9, 13)).repeat(10, 0).repeat(10, 1)
    picture = Image.fromarray(ids, mode="P")
    picture.putpalette(rng.integers(0, 256, 768).tolist())
    path = Path(f"{seed}.png")
    picture.save(path)
    content = path.read_bytes()
    path.unlink()
    return content


def prepare(folder: Path, draw_source, side_a: SideConfig) -> Manifest:
    for split, size in (("train", 4), ("test", 3)):
        for side in "AB":
            (folder / "raw" / side / split).mkdir(parents=True)
        for index in range(size):
            seed = index + 100 * (split == "test")
            (folder / "raw" / "A" / split / f"{index}.png").write_bytes(draw_source(seed))
            (folder / "raw" / "B" / split / f"{index}.png").write_bytes(colours(seed + 50))
    config = make_config(side_a=side_a, folder_a="A", folder_b="B")
    return prepare_pairs(folder / "raw", folder / "prepared", config, num_workers=1).manifest


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("draw_source", "side_a"),
    [
        (colours, {"kind": "image"}),
        (colours, {"kind": "image", "channels": 1, "grayscale": True}),
        (palette, {"channels": 1, "kind": "labels", "num_labels": 5, "void_label": 255}),
    ],
    ids=["colours", "grayscale", "palette"],
)
def test_the_files_of_the_test_split_get_the_results_that_were_scored(
    draw_source, side_a, mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files of 90x130 px are resized to the 32 px of the model, and the results back to 90x130."""
    monkeypatch.chdir(tmp_path)
    manifest = prepare(tmp_path, draw_source, make_side(**side_a))
    translator = make_translator(
        tmp_path / "model",
        mode,
        source=manifest.source,
        target=manifest.target,
        generator=GeneratorConfig(
            source_channels=manifest.source.channels, base_channels=2, depth=5
        ),
    )
    network = InferenceNetwork(load_generator(tmp_path / "model")[0], mode)
    batches = EvalBatches(
        open_split(tmp_path / "prepared", "test"),
        source=manifest.source,
        target=manifest.target,
        batch_size=1,
        device=torch.device("cpu"),
    )
    for source, _, (pair_id,), _ in batches:
        fake = translate(network, source.contiguous(), seeds=[3])
        scored = from_network(fake, value_range=(0.0, 255.0), dtype="uint8")[0]
        file = tmp_path / "raw" / "A" / f"{pair_id}.png"
        translated = translator.translate_file(file)
        np.testing.assert_array_equal(translated, resize(scored, 90, 130, kernel="bilinear"))
        assert not np.array_equal(translated, translator.translate_file(file, scale="native"))
