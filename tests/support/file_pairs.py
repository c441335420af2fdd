"""Small sets of two folders, with files of any kind."""

from pathlib import Path

import numpy as np

from pix2pix.config import DataConfig
from pix2pix.data.prepared import open_split
from pix2pix.data.splits import SPLITS
from pix2pix.preparation.prepare import prepare_pairs
from tests.support.small_sets import make_config, make_side

SIZE = 32


NUM_PAIRS = 6


RNG = np.random.default_rng(0)


def blocks(seed: int, channels: int, low: float, high: float) -> np.ndarray:
    """Noise over the whole range low..high, (SIZE, SIZE, channels) float64 of whole numbers."""
    values = np.random.default_rng(seed).uniform(low, high, (SIZE, SIZE, channels)).round()
    values[0, 0], values[0, 1] = low, high
    return values


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def config(**side_b: object) -> DataConfig:
    """Sides of equal settings, without resizing."""
    side = make_side(**side_b)
    return make_config(side_a=side, side_b=side, image_size=SIZE, load_size=SIZE)


def prepared(root: Path, config: DataConfig) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The prepared images of each pair."""
    prepare_pairs(root, root.with_name("prepared"), config, num_workers=2)
    images = {}
    for split in SPLITS:
        data = open_split(root.with_name("prepared"), split)
        images |= {
            pair_id: (data.source[row], data.target[row])
            for row, pair_id in enumerate(data.pair_ids)
        }
    return images
