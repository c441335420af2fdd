"""Distances between two sets of images in a feature space: Frechet (FID) and kernel (KID).

Features are (N, F), one row per image. The sources are Heusel et al. 2017 (FID) and Binkowski et
al. 2018 (KID). torch-fidelity computes both estimates. This module adds a rotation, by which FID
takes little time for few images, and the resampling for the intervals.
"""

import numpy as np
import torch
from torch_fidelity.metric_fid import (
    KEY_METRIC_FID,
    fid_features_to_statistics,
    fid_statistics_to_metric,
)
from torch_fidelity.metric_kid import (
    KEY_METRIC_KID_MEAN,
    KEY_METRIC_KID_STD,
    kid_features_to_metric,
)

from pix2pix.config import EvaluateConfig
from pix2pix.errors import UserError
from pix2pix.evaluation.intervals import Interval, bootstrap_sets, centred_interval

# A covariance needs two images, and so does a KID subset.
MIN_IMAGES = 2

# Each resample of a Frechet distance is one singular value decomposition: 200 of them take a second
# for 100 images and half a minute for 1000. For more images there are fewer resamples, at least 50.
NUM_FRECHET_RESAMPLES = 200
_MIN_FRECHET_RESAMPLES = 50
_FULL_RESAMPLES_RANK = 1000

_NUM_KID_SUBSETS = 100
_KERNEL_ROWS = 1024


def frechet_distance(fake: np.ndarray, real: np.ndarray) -> float:
    """Return the Frechet distance of Gaussians fitted to two feature sets, (N, F) and (M, F).

    It is biased upwards for few images, so compare only distances with the same N and M.
    Raises UserError for fewer than two images in either set.
    """
    _check(fake, real)
    first, second = _rotate_to_span(fake, real)
    statistics = [
        fid_features_to_statistics(torch.from_numpy(features)) for features in (first, second)
    ]
    return float(fid_statistics_to_metric(*statistics, verbose=False)[KEY_METRIC_FID])


def frechet_interval(
    fake: np.ndarray, real: np.ndarray, *, paired: bool, config: EvaluateConfig
) -> Interval:
    """Return the Frechet distance with its bootstrap interval, see `intervals.centred_interval`.

    `paired`: row i of both sets belongs to one pair. At most `NUM_FRECHET_RESAMPLES` are used.
    """
    value = frechet_distance(fake, real)
    first, second = _rotate_to_span(fake, real)
    rank = min(len(fake), len(real), fake.shape[1])
    return bootstrap_sets(
        value,
        lambda rows, others: _frechet_of_rows(first, rows, second, others),
        (len(fake), len(real)),
        paired=paired,
        num_resamples=_num_frechet_resamples(rank, config.num_bootstrap),
        confidence=config.confidence,
        seed=config.seed,
    )


def frechet_difference(
    first: np.ndarray,
    second: np.ndarray,
    real: np.ndarray,
    *,
    num_bootstrap: int,
    confidence: float,
    seed: int,
) -> tuple[tuple[float, float], Interval]:
    """Frechet distances of two models' images to the same targets, and first minus second.

    Row i of all three sets belongs to one pair, and each resample draws the same pairs of all. So
    the bias and the spread that both distances share cancel out.
    """
    distances = frechet_distance(first, real), frechet_distance(second, real)
    sets = [_rotate_to_span(fake, real) for fake in (first, second)]

    def difference(rows: np.ndarray, _: np.ndarray) -> float:
        ours, theirs = (_frechet_of_rows(fake, rows, target, rows) for fake, target in sets)
        return ours - theirs

    change = bootstrap_sets(
        distances[0] - distances[1],
        difference,
        (len(real), len(real)),
        paired=True,
        num_resamples=_num_frechet_resamples(min(real.shape), num_bootstrap),
        confidence=confidence,
        seed=seed,
    )
    return distances, change


def frechet_by_factors(fake: np.ndarray, real: np.ndarray) -> float:
    """Return the same distance as `frechet_distance`, without an F x F eigenproblem.

    With centred features X (N, F) and Y (M, F), trace sqrt(Sx Sy) is the sum of the singular values
    of X Y^T divided by sqrt((N - 1)(M - 1)), an N x M problem.
    """
    _check(fake, real)
    return _frechet_of_rows(fake, np.arange(len(fake)), real, np.arange(len(real)))


def _frechet_of_rows(
    fake: np.ndarray, fake_rows: np.ndarray, real: np.ndarray, real_rows: np.ndarray
) -> float:
    """Return the distance of fake[fake_rows] and real[real_rows], in which rows may be repeated."""
    fake_mean, first = _mean_and_factor(fake, fake_rows)
    real_mean, second = _mean_and_factor(real, real_rows)
    offset = fake_mean - real_mean
    cross = np.linalg.svd(first @ second.T, compute_uv=False).sum()
    return float(offset @ offset + (first**2).sum() + (second**2).sum() - 2 * cross)


def _mean_and_factor(features: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of features[rows], and a matrix A such that A^T A is their covariance.

    A has a row for each different row, times the root of how often it occurs, and at most F rows.
    A resample has 63 % of the rows at least once, and the time of a singular value decomposition
    grows with the cube of their number.
    """
    drawn, counts = np.unique(rows, return_counts=True)
    values = features[drawn]
    mean = counts @ values / len(rows)
    factor: np.ndarray = (values - mean) * np.sqrt(counts / (len(rows) - 1))[:, np.newaxis]
    if factor.shape[0] > factor.shape[1]:
        factor = np.asarray(np.linalg.qr(factor, mode="r"))
    return mean, factor


def _rotate_to_span(fake: np.ndarray, real: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both sets in float64 and, with fewer rows than columns, in a basis of their span.

    A shift or a rotation of both sets does not change the Frechet distance. N + M images span at
    most N + M dimensions, so 100 + 100 images need 200 columns and not 2048.
    """
    both = np.concatenate([fake, real]).astype(np.float64)
    both -= both.mean(axis=0)
    if both.shape[0] < both.shape[1]:
        both = both @ np.linalg.qr(both.T)[0]
    return both[: len(fake)], both[len(fake) :]


def _num_frechet_resamples(rank: int, num_bootstrap: int) -> int:
    """Return a number of resamples that limits the time, which grows with the cube of the rank."""
    affordable = int(NUM_FRECHET_RESAMPLES * (_FULL_RESAMPLES_RANK / rank) ** 3)
    bounded = min(NUM_FRECHET_RESAMPLES, max(_MIN_FRECHET_RESAMPLES, affordable))
    return min(num_bootstrap, bounded)


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
    _check(fake, real)
    metric = kid_features_to_metric(
        torch.from_numpy(fake.astype(np.float64)),
        torch.from_numpy(real.astype(np.float64)),
        kid_subsets=_NUM_KID_SUBSETS,
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


def _check(fake: np.ndarray, real: np.ndarray) -> None:
    if fake.ndim != 2 or real.ndim != 2 or fake.shape[1] != real.shape[1]:
        raise ValueError(
            f"features must be (N, F) and (M, F) with one F, got {fake.shape} and {real.shape}"
        )
    if min(len(fake), len(real)) < MIN_IMAGES:
        raise UserError(
            f"a Frechet or kernel distance needs at least {MIN_IMAGES} images in each set, "
            f"got {len(fake)} and {len(real)}"
        )
