"""Files of pairs, empty or of noise, and the settings that find them."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from pix2pix.config import DataConfig, load_params

PARAMS = Path(__file__).parents[2] / "params" / "default.yaml"


def make_config(**changes: object) -> DataConfig:
    config = load_params(PARAMS).data
    return replace(config, **({"source": "folder", "path": "photos"} | changes))


def two_folders(**changes: object) -> DataConfig:
    return make_config(**({"layout": "two_folders"} | changes))


def noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)
