"""A small set of two folders, some of whose pixels have no value."""

from pathlib import Path
from typing import Any

import numpy as np

from pix2pix.config import DataConfig
from tests.support.small_sets import SIZE, make_config, make_side, noise, save

NUM_PAIRS = 6


RANGE = (0.0, 1.0)


def float_side(**changes: Any) -> Any:
    return make_side(**({"channels": 1, "value_range": RANGE, "nodata": "nan"} | changes))


def config_of(**changes: Any) -> DataConfig:
    return make_config(**({"side_a": float_side(), "side_b": float_side()} | changes))


def measured(seed: int, *, size: int = SIZE) -> np.ndarray:
    return noise(seed, 1, size=size, dtype="float32")


def write(root: Path, name: str, source: np.ndarray, target: np.ndarray) -> None:
    save(root / "A" / f"{name}.npy", source)
    save(root / "B" / f"{name}.npy", target)


def write_set(root: Path, hole: slice | None = slice(10, 20), value: float = np.nan) -> Path:
    """Pairs with a hole of some rows in their sources."""
    for index in range(NUM_PAIRS):
        source = measured(index)
        if hole is not None:
            source[hole] = value
        write(root, str(index), source, measured(100 + index))
    return root


def rows(valid: slice) -> np.ndarray:
    """An image of which only some rows have a value."""
    image = np.full((SIZE, SIZE, 1), np.nan, np.float32)
    image[valid] = measured(50)[valid]
    return image
