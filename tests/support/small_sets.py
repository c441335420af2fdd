"""Small sets of two folders, written by the tests of the checks."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from pix2pix.config import DataConfig, SideConfig, load_params
from tests.support.pair_files import PARAMS, two_folders

SIZE = 40
NUM_PAIRS = 6


def make_config(**changes: object) -> DataConfig:
    """Two folders of colour images."""
    sizes = {"image_size": 32, "load_size": 32, "near_duplicate_bits": -1}
    return two_folders(**({"side_a": make_side(), **sizes} | changes))


def make_side(**changes: object) -> SideConfig:
    """One side, a colour image unless changed."""
    return replace(load_params(PARAMS).data.side_b, **changes)


def noise(seed: int, channels: int = 3, *, size: int = SIZE, dtype: str = "uint8") -> np.ndarray:
    """An image over the whole range of an integer dtype, or 0..1."""
    unit = np.random.default_rng(seed).random((size, size, channels))
    if dtype == "float32":
        return unit.astype(np.float32)
    return (unit * np.iinfo(dtype).max).round().astype(dtype)


def save(path: Path, image: np.ndarray) -> None:
    """Write a file of the format that the suffix says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, image)
    else:
        options = {"lossless": True} if path.suffix == ".webp" else {}
        Image.fromarray(image.squeeze()).save(path, **options)
