"""Translators of random weights, for sources of 12 bits and float targets."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pix2pix.data.manifest import SideRecord
from pix2pix.inference import Translator
from pix2pix.models import DiscriminatorConfig, GeneratorConfig
from tests.support.model_folders import write_model

# In the layout pytorch, so few levels have no dropout, and no seed would matter.
GENERATOR = GeneratorConfig(
    source_channels=1, target_channels=2, base_channels=2, depth=5, dropout_layout="torch"
)
SOURCE = SideRecord("image", 1, "uint16", (0.0, 4095.0), "area")
TARGET = SideRecord("image", 2, "float32", (-3.0, 5.0), "area")


def make_translator(folder: Path, mode: str, **changes: object) -> Translator:
    """A model of random weights; `changes` are to its card."""
    torch.manual_seed(1)
    known = {
        "name": "test",
        "source": SOURCE,
        "target": TARGET,
        "generator": GENERATOR,
        "discriminator": DiscriminatorConfig(in_channels=3, base_channels=2, num_layers=1),
        "inference_mode": mode,
        "dev": {},
    }
    write_model(folder, **known | changes)
    return Translator.load(folder)


def some_images(num_images: int, height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 4096, (num_images, height, width, 1)).astype(np.uint16)


def force_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have everything translated in the smallest tiles from now on."""
    monkeypatch.setattr("pix2pix.inference.translator.whole_bytes", lambda card, size: 2**60)
    monkeypatch.setattr("pix2pix.tiled.plan._ENOUGH_BYTES", 0)
