"""The kernel distance between two sets of images in a feature space (KID, Binkowski et al. 2018).

Features are (N, F), one row per image. torch-fidelity computes the estimate. This module adds the
resampling for the intervals.
"""

import numpy as np
import torch
from torch_fidelity.metric_kid import (
    KEY_METRIC_KID_MEAN,
    KEY_METRIC_KID_STD,
    kid_features_to_metric,
)

from pix2pix.config import EvaluateConfig
from pix2pix.evaluation.features import check_features
from pix2pix.evaluation.image_groups import ImageGroups
from pix2pix.evaluation.intervals import Interval, centred_interval

_NUM_SUBSETS = 100
_KERNEL_ROWS = 1024


def kernel_interval(
    fake: np.ndarray,
    real: np.ndarray,
    *,
    paired: bool,
    config: EvaluateConfig,
    groups: tuple[ImageGroups, ImageGroups],
) -> tuple[Interval, float | None]:
    """Return KID with its bootstrap interval, and the standard deviation over its subsets.

    The estimate is the mean over 100 random subsets of min(kid_subset_size, N, M) images, as
    published. If each of them would hold all images, there is one, and no deviation. The estimate
    is unbiased, so it may be slightly negative. The interval resamples whole sets, by their
    `groups`; if a set is a single group, there is none.
    Raises UserError for fewer than two images in either set.
    """
    value, deviation = kernel_distance(
        fake, real, subset_size=config.kid_subset_size, seed=config.seed
    )
    num_groups = min(map(len, groups))
    if num_groups == 1:
        return Interval(value, None, None), deviation
    first, second = fake.astype(np.float64), real.astype(np.float64)
    draws = _resampled_mmd(first, second, groups, paired=paired, config=config)
    interval = centred_interval(value, draws, confidence=config.confidence, num_groups=num_groups)
    return interval, deviation


def kernel_distance(
    fake: np.ndarray, real: np.ndarray, *, subset_size: int, seed: int
) -> tuple[float, float | None]:
    """Return KID of two feature sets, (N, F) and (M, F), and its deviation over the subsets.

    The deviation is None where each subset would hold all images: the libraries draw the same set
    a hundred times then, and give the rounding errors of its orders as the deviation.
    Raises UserError for fewer than two images in either set.
    """
    check_features(fake, real)
    size = min(subset_size, len(fake), len(real))
    is_whole = size == len(fake) == len(real)
    metric = kid_features_to_metric(
        torch.from_numpy(fake.astype(np.float64)),
        torch.from_numpy(real.astype(np.float64)),
        kid_subsets=1 if is_whole else _NUM_SUBSETS,
        kid_subset_size=size,
        rng_seed=seed,
        verbose=False,
    )
    deviation = None if is_whole else float(metric[KEY_METRIC_KID_STD])
    return float(metric[KEY_METRIC_KID_MEAN]), deviation


def _resampled_mmd(
    first: np.ndarray,
    second: np.ndarray,
    groups: tuple[ImageGroups, ImageGroups],
    *,
    paired: bool,
    config: EvaluateConfig,
) -> np.ndarray:
    """Return the unbiased squared MMD (Binkowski et al. 2018, sec. 2.1) of each resample.

    The result is (num_bootstrap,) or shorter. A resample is a vector with the number of times that
    each group was drawn, so one kernel serves all resamples. Pairs of an image of a group and an
    image of a copy of this group do not count: other images would have no such pairs, and for
    single images, their k(x, x) would double the interval.
    """
    rng = np.random.default_rng(config.seed)
    first_drawn = groups[0].draw_counts(config.num_bootstrap, rng)
    second_drawn = first_drawn if paired else groups[1].draw_counts(config.num_bootstrap, rng)
    first_counts = first_drawn[:, groups[0].numbers]
    second_counts = second_drawn[:, groups[1].numbers]
    # A resample of copies of a single image has no pair; this happens with two to four images.
    usable = ((first_counts > 0).sum(axis=1) > 1) & ((second_counts > 0).sum(axis=1) > 1)
    first_drawn, first_counts = first_drawn[usable], first_counts[usable]
    second_drawn, second_counts = second_drawn[usable], second_counts[usable]
    within = []
    for drawn, counts, features, of_set in (
        (first_drawn, first_counts, first, groups[0]),
        (second_drawn, second_counts, second, groups[1]),
    ):
        copies, num_copies = _copies(drawn, features, features, of_set)
        total = _kernel_sums(counts, features, counts, features)
        total -= counts**2 @ _kernel(features, features) + copies
        within.append(total / (counts.sum(axis=1) ** 2 - (counts**2).sum(axis=1) - num_copies))
    across = _kernel_sums(first_counts, first, second_counts, second)
    num_across = first_counts.sum(axis=1) * second_counts.sum(axis=1)
    if paired:  # an image that is drawn twice forms two pairs with its own partner, not four
        copies, num_copies = _copies(first_drawn, first, second, groups[0])
        own = first_counts - first_counts**2
        across = across + own @ _kernel(first, second) - copies
        num_across = num_across + own.sum(axis=1) - num_copies
    return np.asarray(within[0] + within[1] - 2 * across / num_across)


def _copies(
    drawn: np.ndarray, first: np.ndarray, second: np.ndarray, groups: ImageGroups
) -> tuple[np.ndarray, np.ndarray]:
    """Return the sum of k over pairs of copies of a group, and their number, for each resample.

    The pairs are those of unlike images, each of another copy of the group: a group that was drawn
    c times has c**2 - c times each pair. Groups of single images have none.
    """
    sums, nums = np.zeros(len(groups)), np.zeros(len(groups))
    for group in np.flatnonzero(np.bincount(groups.numbers) > 1):
        rows = np.flatnonzero(groups.numbers == group)
        ones = np.ones((1, len(rows)))
        every = _kernel_sums(ones, first[rows], ones, second[rows])[0]
        sums[group] = every - _kernel(first[rows], second[rows]).sum()
        nums[group] = len(rows) ** 2 - len(rows)
    times = drawn**2 - drawn
    return times @ sums, times @ nums


def _kernel_sums(
    weights: np.ndarray, first: np.ndarray, others: np.ndarray, second: np.ndarray
) -> np.ndarray:
    """Return the sum over i, j of weights[r, i] k(first[i], second[j]) others[r, j] for each r."""
    total = np.zeros(len(weights))
    # In slices: the whole kernel of 50 000 images would be 20 GB.
    for start in range(0, len(first), _KERNEL_ROWS):
        rows = slice(start, start + _KERNEL_ROWS)
        kernel = (first[rows] @ second.T / first.shape[1] + 1) ** 3
        total += ((weights[:, rows] @ kernel) * others).sum(axis=1)
    return total


def _kernel(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return k(first[i], second[i]) of each row, (N,)."""
    return np.asarray(((first * second).sum(axis=1) / first.shape[1] + 1) ** 3)
