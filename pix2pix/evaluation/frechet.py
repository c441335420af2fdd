"""The Frechet distance between two sets of images in a feature space (FID, Heusel et al. 2017).

Features are (N, F), one row per image. torch-fidelity computes the estimate. This module adds a
rotation, by which it takes little time for few images, and the resampling for the intervals.
"""

import numpy as np
import torch
from torch_fidelity.metric_fid import (
    KEY_METRIC_FID,
    fid_features_to_statistics,
    fid_statistics_to_metric,
)

from pix2pix.config import EvaluateConfig
from pix2pix.evaluation.features import check_features
from pix2pix.evaluation.image_groups import ImageGroups
from pix2pix.evaluation.intervals import Interval, bootstrap_sets

# Each resample of a Frechet distance is one singular value decomposition: 200 of them take a second
# for 100 images and half a minute for 1000. For more images there are fewer resamples, at least 50.
NUM_FRECHET_RESAMPLES = 200
_MIN_FRECHET_RESAMPLES = 50
_FULL_RESAMPLES_RANK = 1000


def frechet_distance(fake: np.ndarray, real: np.ndarray) -> float:
    """Return the Frechet distance of Gaussians fitted to two feature sets, (N, F) and (M, F).

    It is biased upwards for few images, so compare only distances with the same N and M.
    Raises UserError for fewer than two images in either set.
    """
    return _of_rotated(*_rotate_to_span(fake, real))


def frechet_interval(
    fake: np.ndarray,
    real: np.ndarray,
    *,
    paired: bool,
    config: EvaluateConfig,
    groups: tuple[ImageGroups, ImageGroups],
) -> Interval:
    """Return the Frechet distance with its bootstrap interval, see `intervals.centred_interval`.

    `paired`: row i of both sets belongs to one pair. `groups` are those of the images of each set.
    At most `NUM_FRECHET_RESAMPLES` are used.
    """
    first, second = _rotate_to_span(fake, real)
    rank = min(len(fake), len(real), fake.shape[1])
    return bootstrap_sets(
        _of_rotated(first, second),
        lambda rows, others: _frechet_of_rows(first, rows, second, others),
        groups,
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
    groups: ImageGroups,
) -> tuple[tuple[float, float], Interval]:
    """Frechet distances of two models' images to the same targets, and first minus second.

    Row i of all three sets belongs to one pair, and each resample draws the same pairs of all. So
    the bias and the spread that both distances share cancel out. `groups` are those of the pairs.
    """
    sets = [_rotate_to_span(fake, real) for fake in (first, second)]
    distances = _of_rotated(*sets[0]), _of_rotated(*sets[1])

    def difference(rows: np.ndarray, _: np.ndarray) -> float:
        ours, theirs = (_frechet_of_rows(fake, rows, target, rows) for fake, target in sets)
        return ours - theirs

    change = bootstrap_sets(
        distances[0] - distances[1],
        difference,
        (groups, groups),
        paired=True,
        num_resamples=_num_frechet_resamples(min(real.shape), num_bootstrap),
        confidence=confidence,
        seed=seed,
    )
    return distances, change


def _of_rotated(first: np.ndarray, second: np.ndarray) -> float:
    """The estimate of torch-fidelity for two sets of `_rotate_to_span`."""
    statistics = [
        fid_features_to_statistics(torch.from_numpy(features)) for features in (first, second)
    ]
    return float(fid_statistics_to_metric(*statistics, verbose=False)[KEY_METRIC_FID])


def _frechet_of_rows(
    fake: np.ndarray, fake_rows: np.ndarray, real: np.ndarray, real_rows: np.ndarray
) -> float:
    """Return the distance of fake[fake_rows] and real[real_rows], in which rows may be repeated.

    It is that of `frechet_distance`, without an F x F eigenproblem: with centred features X (N, F)
    and Y (M, F), trace sqrt(Sx Sy) is the sum of the singular values of X Y^T divided by
    sqrt((N - 1)(M - 1)), an N x M problem.
    """
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
    Raises UserError for fewer than two images in either set.
    """
    check_features(fake, real)
    both = np.concatenate([fake, real]).astype(np.float64)
    both -= both.mean(axis=0)
    if both.shape[0] < both.shape[1]:
        # both.T = Q R with orthonormal columns of Q, so both @ Q is R.T, and Q is not needed.
        both = np.asarray(np.linalg.qr(both.T, mode="r")).T
    return both[: len(fake)], both[len(fake) :]


def _num_frechet_resamples(rank: int, num_bootstrap: int) -> int:
    """Return a number of resamples that limits the time, which grows with the cube of the rank."""
    affordable = int(NUM_FRECHET_RESAMPLES * (_FULL_RESAMPLES_RANK / rank) ** 3)
    bounded = min(NUM_FRECHET_RESAMPLES, max(_MIN_FRECHET_RESAMPLES, affordable))
    return min(num_bootstrap, bounded)
