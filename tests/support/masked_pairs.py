"""Measured pairs of which some pixels have no value, and whatever is stored in these."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from pix2pix.config import Params
from pix2pix.config.yaml_file import read_yaml
from tests.support.drawn_shapes import PARAMS, make_params

RANGE = [100.0, 900.0]
Garbage = Callable[[np.ndarray], np.ndarray]  # of as many values as the array has


def measured_side(**changes: Any) -> dict[str, Any]:
    """A side of one measured channel, as params.yaml holds it."""
    side = read_yaml(PARAMS)["data"]["side_b"] | {"channels": 1, "value_range": RANGE}
    return dict(side | changes)


def masked_params(**data: Any) -> Params:
    """Tiny networks for one epoch on pairs of measured values, of 32 px unless changed."""
    side = measured_side(nodata="nan")
    changes = {"image_size": 32, "load_size": 37, "side_a": side, "side_b": side}
    return make_params(**(changes | data))


def constant(value: float) -> Garbage:
    """The same value in all pixels without a value."""
    return lambda values: np.full_like(values, value)


def write_masked_pairs(
    root: Path,
    garbage: Garbage,
    *,
    sizes: Sequence[tuple[int, int]] = ((40, 60), (48, 48), (64, 40)) * 4,
    scale: int = 1,
) -> Path:
    """Float TIFF files with a hole in every source, another in every target, and single pixels."""
    for index, (height, width) in enumerate(sizes):
        rng = np.random.default_rng(index)
        cells = rng.uniform(*RANGE, (-(-height // 4), -(-width // 4))).astype(np.float32)
        source = cells.repeat(4, axis=0).repeat(4, axis=1)[:height, :width]
        target = (sum(RANGE) - source).repeat(scale, axis=0).repeat(scale, axis=1)
        split = ("train", "train", "test", "train", "train", "dev")[index % 6]
        for side, image in (("A", source), ("B", target)):
            path = root / split / side / f"{index:02d}.tif"
            path.parent.mkdir(parents=True, exist_ok=True)
            hole = drawn_hole(image.shape, rng)
            tifffile.imwrite(path, np.where(hole, garbage(image), image))
    return root


def drawn_hole(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """A third of the image's width at a random place, and one pixel in twenty."""
    hole = rng.random(shape) < 0.05
    left = int(rng.integers(0, shape[1] - shape[1] // 3))
    hole[shape[0] // 4 :, left : left + shape[1] // 3] = True
    return hole
