"""A model of three sources, and scenes for it: class ids, depth and photo."""

from pathlib import Path

import numpy as np

from pix2pix.data.manifest import ExtraSourceRecord, SideRecord
from pix2pix.inference import Translator
from pix2pix.models import DiscriminatorConfig, GeneratorConfig
from tests.support.translators import make_translator

IDS = SideRecord(
    "labels", 1, "uint8", (0.0, 4.0), "nearest", num_labels=4, void_label=255, encoding="one_hot"
)


DEPTH = SideRecord("image", 1, "float32", (0.0, 10.0), "area")


PHOTO = SideRecord("image", 3, "uint8", (0.0, 255.0), "area")


EXTRA = (ExtraSourceRecord("depth", DEPTH, 1.0), ExtraSourceRecord("photo", PHOTO, 2.0))


GENERATOR = GeneratorConfig(source_channels=9, target_channels=2, base_channels=4, depth=5)


def make(folder: Path, mode: str = "deterministic", **changes: object) -> Translator:
    """Class ids and void, a depth, and a photo that is twice as large."""
    card: dict[str, object] = {
        "source": IDS,
        "extra_sources": EXTRA,
        "generator": GENERATOR,
        "discriminator": DiscriminatorConfig(in_channels=11, base_channels=2, num_layers=1),
    }
    return make_translator(folder, mode, **(card | changes))


def scene(height: int = 40, width: int = 50, *, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "source": rng.choice([0, 1, 2, 3, 255], (height, width, 1)).astype(np.uint8),
        "depth": rng.uniform(0, 10, (height, width, 1)).astype(np.float32),
        "photo": rng.integers(0, 256, (2 * height, 2 * width, 3), dtype=np.uint8),
    }
