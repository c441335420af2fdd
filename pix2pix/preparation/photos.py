"""The pair that a recipe makes of a photo (`layout: photos`)."""

from typing import NamedTuple

import numpy as np

from pix2pix.config import DataConfig
from pix2pix.data.splits import Split
from pix2pix.images.image import value_range
from pix2pix.images.recipes import made_from
from pix2pix.images.resize import resize


class MadePair(NamedTuple):
    """Side A and side B, (H, W, C) each."""

    a: np.ndarray
    b: np.ndarray

    def by_role(self, config: DataConfig) -> tuple[np.ndarray, np.ndarray]:
        """The source and the target."""
        return (self.a, self.b) if config.direction == "AtoB" else (self.b, self.a)


def made_pair(
    photo: np.ndarray, config: DataConfig, *, pair_id: str, file_dtype: str, split: Split
) -> MadePair:
    """The photo at the size at which pairs of `split` are stored, and what the recipe makes of it.

    `photo` is (H, W, C), and `file_dtype` the dtype of its file. Raises UserError if its
    values have no range.
    """
    height, width = config.scale(split).size_of(*photo.shape[:2])
    kernel = config.kernel(config.side_b)
    resized = resize(photo, height, width, kernel=kernel)
    made = made_from(
        resized,
        config.recipe,
        pair_id=pair_id,
        value_range=value_range(file_dtype, config.side_b),
    )
    # A source of fewer pixels is brought to the size of its target, as `translate` does it.
    return MadePair(resize(made, height, width, kernel=kernel), resized)
