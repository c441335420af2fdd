"""Apply one geometric change, drawn by albumentations' transforms, to every image of a pair.

A `Compose` of albumentations would draw the same change, but checks and copies the images before
and after every transform. Here the parameters are drawn from the transforms once, and each
transform's own `apply` changes the images, so that a crop remains a view of the stored pixels.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pix2pix.config import AugmentConfig, Kind, Size
from pix2pix.data.transforms import geometric_transforms

Change = Sequence[tuple[int, Mapping[str, Any]]]
"""The transforms that a pair undergoes: the number of each and its parameters."""


class Geometry:
    """The geometric transforms of a training for images and for labels.

    Not to be used by several threads at a time: the transforms hold the random state of a draw.
    """

    def __init__(self, augment: AugmentConfig, image_size: Size) -> None:
        kinds: tuple[Kind, ...] = ("image", "labels")
        self._transforms = {kind: geometric_transforms(augment, image_size, kind) for kind in kinds}

    def draw(self, shape: tuple[int, ...], *, seed: int) -> Change:
        """Draw the change of a pair whose images have the height and width `shape[:2]`.

        The random numbers are those of `Compose(transforms)` with `random.Random(seed)`.
        """
        generator = random.Random(seed)
        generator.random()  # with this number a Compose decides whether it changes anything
        change = []
        for number, transform in enumerate(self._transforms["image"]):
            # None of these transforms uses the numpy generator, which is slow to make.
            transform.set_random_state(None, generator)
            if transform.should_apply():
                params = {"shape": shape, **transform.get_params()}
                params |= transform.get_params_dependent_on_data(params, {})
                change.append((number, params))
        return change

    def apply(self, change: Change, image: np.ndarray, kind: Kind) -> np.ndarray:
        """Change an image (H, W, C); the result may be a view of it."""
        for number, params in change:
            image = self._transforms[kind][number].apply(image, **params)
        return image
