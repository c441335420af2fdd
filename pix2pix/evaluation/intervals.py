"""Bootstrap intervals: how much a score would change with other test images.

A resample draws groups of images, see `image_groups`. Resamples of n groups vary by a factor of
sqrt((n - 1) / n) too little, and their percentiles take that spread for known. So all intervals are
the expanded percentile intervals of Hesterberg 2015, "What Teachers Should Know About the
Bootstrap": the fewer the groups, the wider, as Student's.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.special import ndtr, stdtrit
from threadpoolctl import threadpool_limits

from pix2pix.cores import num_cores
from pix2pix.evaluation.image_groups import ImageGroups


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and its interval; low and high are None if there is no interval."""

    value: float
    low: float | None
    high: float | None


def bootstrap_mean(
    values: np.ndarray,
    *,
    num_resamples: int,
    confidence: float,
    seed: int,
    groups: ImageGroups,
) -> Interval:
    """Return the mean over images with its bootstrap interval.

    `values` is (N,), one score per image. `groups` are those of the images. For a single
    group there is no interval.
    Raises ValueError if there is no value, one is not finite, or `groups` are of other images.
    """
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError(f"expected finite scores of at least one image, got {values!r}")
    if groups.num_images != len(values):
        raise ValueError(f"{len(values)} scores, but groups of {groups.num_images} images")
    value = float(values.mean())
    if len(groups) == 1:
        return Interval(value, None, None)
    rows = groups.resamples(num_resamples, np.random.default_rng(seed))
    draws = np.array([values[chosen].mean() for chosen in rows])
    return _interval(value, draws, confidence=confidence, num_groups=len(groups))


def bootstrap_sets(
    value: float,
    statistic: Callable[[np.ndarray, np.ndarray], float],
    groups: tuple[ImageGroups, ImageGroups],
    *,
    paired: bool,
    num_resamples: int,
    confidence: float,
    seed: int,
) -> Interval:
    """Return the interval of a statistic of two image sets, by resampling both sets.

    `groups` are those of each set, and `statistic` receives the drawn rows of each. With `paired`,
    the same rows of both sets are drawn, which is right if row i of both belongs to one pair. See
    `centred_interval` for the meaning of the interval. If a set is a single group, there is none.
    Raises ValueError if paired sets differ in size.
    """
    sizes = [of_set.num_images for of_set in groups]
    if paired and sizes[0] != sizes[1]:
        raise ValueError(f"paired sets must have the same size, got {sizes[0]} and {sizes[1]}")
    num_groups = min(map(len, groups))
    if num_groups == 1:
        return Interval(value, None, None)
    rng = np.random.default_rng(seed)
    first, second = (of_set.resamples(num_resamples, rng) for of_set in groups)
    drawn = [(rows, rows) for rows in first] if paired else list(zip(first, second, strict=True))
    # A resample on each core, instead of all cores on one: the decomposition of a few hundred rows
    # gains little from a second core.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(num_cores()) as pool:
        draws = list(pool.map(lambda rows: statistic(*rows), drawn))
    return centred_interval(value, np.array(draws), confidence=confidence, num_groups=num_groups)


def centred_interval(
    value: float, draws: np.ndarray, *, confidence: float, num_groups: int
) -> Interval:
    """Return the interval of bootstrap draws (n,) that are shifted so that their mean is `value`.

    A resample has each image 0, 1, 2... times. Copies lower the rank of a covariance and count as
    pairs of equal images, so the distance between resampled sets is biased upwards, often beyond
    the whole interval of its percentiles. The spread of the draws is right, but their mean is not,
    so they are shifted. The interval is that of the expected score of test sets of this size. It
    does not correct the bias that the estimate itself has at this size. `num_groups`, at least 2,
    are those of the smaller set.
    """
    centred = draws - draws.mean() + value
    return _interval(value, centred, confidence=confidence, num_groups=num_groups)


def _interval(value: float, draws: np.ndarray, *, confidence: float, num_groups: int) -> Interval:
    """Return the expanded percentiles of the draws, made wide enough to contain `value`."""
    tail = _tail_share(confidence, num_groups)
    low, high = np.quantile(draws, [tail, 1 - tail])
    return Interval(value, min(float(low), value), max(float(high), value))


def _tail_share(confidence: float, num_groups: int) -> float:
    """The share of the draws beyond each end of an interval that covers with `confidence`.

    With 8 groups and 95 %, it is 0.6 % and not 2.5 %, which would miss the truth once in 8 times.
    """
    quantile = float(stdtrit(num_groups - 1, (1 - confidence) / 2))  # of Student's t
    return float(ndtr(sqrt(num_groups / (num_groups - 1)) * quantile))
