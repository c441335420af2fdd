"""Label maps and photos of noise in files of any format."""

from pathlib import Path

import cv2
import numpy as np

from pix2pix.config import DataConfig
from tests.support import pair_files

COLOURS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 20, 30]], dtype=np.uint8)


def make_config(**changes: object) -> DataConfig:
    return pair_files.make_config(**({"image_size": 32, "load_size": 37} | changes))


def draw(seed: int, dtype: str = "uint8") -> np.ndarray:
    """A colour-coded label map beside a photo, 42x84x3."""
    rng = np.random.default_rng(seed)
    labels = COLOURS[rng.integers(0, 4, (6, 6))].repeat(7, axis=0).repeat(7, axis=1)
    photo = rng.integers(0, np.iinfo(dtype).max, (42, 42, 3), dtype=dtype)
    scale = np.iinfo(dtype).max // 255
    return np.hstack([labels.astype(dtype) * dtype_of(scale, dtype), photo])


def dtype_of(value: int, dtype: str) -> np.generic:
    return np.dtype(dtype).type(value)


def write_pairs(root: Path, *, dtype: str = "uint8", num_train: int = 6) -> Path:
    for folder, first, size in (("train", 0, num_train), ("test", 100, 3)):
        (root / folder).mkdir(parents=True)
        for index in range(size):
            image = draw(first + index, dtype)
            cv2.imwrite(str(root / folder / f"{index}.png"), image[..., ::-1])
    return root
