"""Compare two models on the same images: the difference of each metric, with its interval."""

from dataclasses import dataclass

import numpy as np

from pix2pix.evaluation.frechet import frechet_difference
from pix2pix.evaluation.image_groups import ImageGroups
from pix2pix.evaluation.intervals import Interval, bootstrap_mean

# Resampling a handful of groups of images (`image_groups`) yields intervals that are far too
# narrow: of five, all differences have the same sign by chance once in sixteen times. The
# covariance that a Frechet distance needs means nothing either.
MIN_GROUPS = 8

_SEED = 0  # the same images always give the same interval


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelScores:
    """One model on N images.

    `l1` is (N,), that of each image with pixels scaled to [0, 1]. `features` is (N, F), those of
    the translated images; None if there are none.
    """

    l1: np.ndarray
    features: np.ndarray | None

    @property
    def is_finite(self) -> bool:
        """Whether the L1 of every image is a number."""
        return bool(np.isfinite(self.l1).all())


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A metric of two models, and the first minus the second: negative if the first is better.

    The interval of the difference has no ends if there are fewer than `MIN_GROUPS` groups.
    """

    first: float
    second: float
    change: Interval


def l1_difference(
    first: ModelScores,
    second: ModelScores,
    *,
    num_bootstrap: int,
    confidence: float,
    groups: ImageGroups,
) -> Difference:
    """The difference of the mean L1, by a paired bootstrap: each group is drawn for both models.

    `groups` are those of the images.
    Raises ValueError if an L1 is not finite, or the models were scored on another number of images.
    """
    change = bootstrap_mean(
        first.l1 - second.l1,
        num_resamples=num_bootstrap,
        confidence=confidence,
        seed=_SEED,
        groups=groups,
    )
    if len(groups) < MIN_GROUPS:
        change = Interval(change.value, None, None)
    return Difference(first=float(first.l1.mean()), second=float(second.l1.mean()), change=change)


def distance_difference(
    first: ModelScores,
    second: ModelScores,
    targets: np.ndarray | None,
    *,
    num_bootstrap: int,
    confidence: float,
    groups: ImageGroups,
) -> Difference | None:
    """The difference of the Frechet distances to `targets`, the features (N, F) of the targets.

    None if there are no features or fewer than `MIN_GROUPS` groups.
    """
    if targets is None or first.features is None or second.features is None:
        return None
    if len(groups) < MIN_GROUPS:
        return None
    distances, change = frechet_difference(
        first.features,
        second.features,
        targets,
        num_bootstrap=num_bootstrap,
        confidence=confidence,
        seed=_SEED,
        groups=groups,
    )
    return Difference(first=distances[0], second=distances[1], change=change)
