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
from pix2pix.evaluation.feature_sets import check_features
from pix2pix.evaluation.intervals import Interval, centred_interval

_NUM_SUBSETS = 100
_KERNEL_ROWS = 1024


def kernel_interval(
    fake: np.ndarray, real: np.ndarray, *, paired: bool, config: EvaluateConfig
) -> tuple[Interval, float]:
    """Return KID with its bootstrap interval, and the standard deviation over its subsets.

    The estimate is the mean over 100 random subsets of min(kid_subset_size, N, M) images, as
    published. It is unbiased, so it may be slightly negative. The interval resamples whole sets.
    Raises UserError for fewer than two images in either set.
    """
    value, deviation = kernel_distance(
        fake, real, subset_size=config.kid_subset_size, seed=config.seed
    )
    first, second = fake.astype(np.float64), real.astype(np.float64)
    draws = _resampled_mmd(first, second, paired=paired, config=config)
    return centred_interval(value, draws, confidence=config.confidence), deviation


def kernel_distance(
    fake: np.ndarray, real: np.ndarray, *, subset_size: int, seed: int
) -> tuple[float, float]:
    """Return KID of two feature sets, (N, F) and (M, F), and its deviation over the subsets.

    Raises UserError for fewer than two images in either set.
    """
    check_features(fake, real)
    metric = kid_features_to_metric(
        torch.from_numpy(fake.astype(np.float64)),
        torch.from_numpy(real.astype(np.float64)),
        kid_subsets=_NUM_SUBSETS,
        kid_subset_size=min(subset_size, len(fake), len(real)),
        rng_seed=seed,
        verbose=False,
    )
    return float(metric[KEY_METRIC_KID_MEAN]), float(metric[KEY_METRIC_KID_STD])


def _resampled_mmd(
    first: np.ndarray, second: np.ndarray, *, paired: bool, config: EvaluateConfig
) -> np.ndarray:
    """Return the unbiased squared MMD (Binkowski et al. 2018, sec. 2.1) of each resample.

    The result is (num_bootstrap,) or shorter. A resample is a vector with the number of times that
    each image was drawn, so one kernel serves all resamples. Pairs of an image and its own copy do
    not count: the estimator has no such pairs, and their k(x, x) would double the interval.
    """
    rng = np.random.default_rng(config.seed)
    first_counts = _draw_counts(len(first), config.num_bootstrap, rng)
    second_counts = first_counts if paired else _draw_counts(len(second), config.num_bootstrap, rng)
    # A resample of copies of a single image has no pair; this happens with two to four images.
    usable = ((first_counts > 0).sum(axis=1) > 1) & ((second_counts > 0).sum(axis=1) > 1)
    first_counts, second_counts = first_counts[usable], second_counts[usable]
    within = [
        (_kernel_sums(counts, features, counts, features) - counts**2 @ _kernel(features, features))
        / (len(features) ** 2 - (counts**2).sum(axis=1))
        for counts, features in ((first_counts, first), (second_counts, second))
    ]
    across = _kernel_sums(first_counts, first, second_counts, second)
    num_across = len(first) * len(second)
    if paired:  # an image that is drawn twice forms two pairs with its own partner, not four
        copies = first_counts - first_counts**2
        across = across + copies @ _kernel(first, second)
        num_across = num_across + copies.sum(axis=1)
    return np.asarray(within[0] + within[1] - 2 * across / num_across)


def _draw_counts(num_rows: int, num_resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Return how often each row is drawn in each resample, (num_resamples, num_rows)."""
    return rng.multinomial(num_rows, np.full(num_rows, 1 / num_rows), size=num_resamples).astype(
        np.float64
    )


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
