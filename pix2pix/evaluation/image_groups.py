"""Images that belong together, such as the frames of a film, which a bootstrap draws together.

Frames of one film are alike. If each frame were drawn by itself, an interval would be as narrow as
if all of them were of different films. So a resample draws whole groups (a cluster bootstrap). With
groups of one image each, it draws images.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class ImageGroups:
    """The group of each of N images: `numbers` (N,), counted from 0 without gaps."""

    numbers: np.ndarray

    def __len__(self) -> int:
        """The number of groups."""
        return int(self.numbers.max(initial=-1)) + 1

    @property
    def num_images(self) -> int:
        """The number of images in all groups."""
        return len(self.numbers)

    def resamples(self, num_resamples: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
        """Yield the rows of as many groups as there are, drawn with replacement."""
        order = np.argsort(self.numbers, kind="stable")
        sizes = np.bincount(self.numbers)
        starts = sizes.cumsum() - sizes
        for _ in range(num_resamples):
            drawn = rng.integers(len(sizes), size=len(sizes))
            ends = sizes[drawn].cumsum()
            shifts = starts[drawn] - (ends - sizes[drawn])
            yield order[np.repeat(shifts, sizes[drawn]) + np.arange(ends[-1])]

    def draw_counts(self, num_resamples: int, rng: np.random.Generator) -> np.ndarray:
        """Return how often each group is drawn in each resample, (num_resamples, groups)."""
        shares = np.full(len(self), 1 / len(self))
        return rng.multinomial(len(self), shares, size=num_resamples).astype(np.float64)


def groups_named(names: Sequence[str]) -> ImageGroups:
    """Return the groups of images, given the name of the group of each image."""
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return ImageGroups(np.array([numbers[name] for name in names], dtype=np.int64))


def single_images(num_images: int) -> ImageGroups:
    """Return groups of one image each."""
    return ImageGroups(np.arange(num_images))
