"""Image files for measurements: smooth random pictures, of which no two are alike."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

_CELLS = 12  # colours of a picture in each direction, blended into each other
_NOISE = 12  # standard deviation in grey levels, so that the files are as large as photographs
_QUALITY = 90


def write_pairs(folder: Path, *, num_pairs: int, size_px: int) -> list[Path]:
    """Write JPEG files of pairs side by side: four fifths into train, the others into val."""
    num_train = num_pairs * 4 // 5
    for split in ("train", "val"):
        (folder / split).mkdir(parents=True)
    paths = [
        folder / ("train" if number < num_train else "val") / f"{number:06d}.jpg"
        for number in range(num_pairs)
    ]
    with ThreadPoolExecutor() as pool:
        list(pool.map(_write, paths, range(num_pairs), [size_px] * num_pairs))
    return paths


def train_paths(paths: Sequence[Path]) -> list[Path]:
    """Those of the training pairs."""
    return [path for path in paths if path.parent.name == "train"]


def _write(path: Path, number: int, size_px: int) -> None:
    rng = np.random.default_rng(number)
    cells = rng.integers(0, 256, (_CELLS, 2 * _CELLS, 3), dtype=np.uint8)
    smooth = cv2.resize(cells, (2 * size_px, size_px), interpolation=cv2.INTER_CUBIC)
    noise = rng.integers(-_NOISE, _NOISE + 1, smooth.shape, dtype=np.int16)
    picture = (smooth + noise).clip(0, 255).astype(np.uint8)
    Image.fromarray(picture).save(path, quality=_QUALITY)
