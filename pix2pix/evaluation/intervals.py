"""Bootstrap intervals: how far a score would move with another draw of test images."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and its interval; low and high are None where one image allows no interval."""

    value: float
    low: float | None
    high: float | None


def bootstrap_mean(
    values: np.ndarray, *, num_resamples: int, confidence: float, seed: int
) -> Interval:
    """Mean over images with its percentile bootstrap interval (Efron 1979).

    values is (N,), one score per image; of a single value the interval is absent.
    Raises ValueError if there is no value or one is not finite.
    """
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError(f"expected finite scores of at least one image, got {values!r}")
    value = float(values.mean())
    if len(values) == 1:
        return Interval(value, None, None)
    rows = _resampled_rows(len(values), num_resamples, np.random.default_rng(seed))
    draws = np.array([values[chosen].mean() for chosen in rows])
    return _percentiles(value, draws, confidence)


def bootstrap_sets(
    value: float,
    statistic: Callable[[np.ndarray, np.ndarray], float],
    sizes: tuple[int, int],
    *,
    paired: bool,
    num_resamples: int,
    confidence: float,
    seed: int,
) -> Interval:
    """Interval of a statistic of two image sets, by redrawing the images of both.

    `statistic` receives the chosen rows of either set. `paired` draws the same rows of both, which
    is right where row i of one set was made from row i of the other. See `centred` for what the
    interval means. Raises ValueError if paired sets differ in size.
    """
    if paired and sizes[0] != sizes[1]:
        raise ValueError(f"paired sets must have one size, got {sizes[0]} and {sizes[1]}")
    rng = np.random.default_rng(seed)
    first = _resampled_rows(sizes[0], num_resamples, rng)
    if paired:
        draws = [statistic(rows, rows) for rows in first]
    else:
        draws = [statistic(rows, rng.integers(sizes[1], size=sizes[1])) for rows in first]
    return centred(value, np.array(draws), confidence=confidence)


def centred(value: float, draws: np.ndarray, *, confidence: float) -> Interval:
    """Percentiles of bootstrap draws, shifted so that the draws' mean falls on `value`.

    A resample holds each image 0, 1, 2... times. Copies lower the rank of a covariance and count
    as pairs of equal images, so the distance between resampled sets is biased upwards, often beyond
    the whole percentile interval. The spread of the draws is usable, their mean is not; hence the
    shift. The interval is that of the expected score of test sets of this size. It does not correct
    the bias that the estimate itself has at this size.
    """
    return _percentiles(value, draws - draws.mean() + value, confidence)


def _resampled_rows(
    num_rows: int, num_resamples: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Rows drawn with replacement, one array per resample."""
    return (rng.integers(num_rows, size=num_rows) for _ in range(num_resamples))


def _percentiles(value: float, draws: np.ndarray, confidence: float) -> Interval:
    """The central `confidence` of the draws, widened if need be to hold `value`."""
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(value, min(float(low), value), max(float(high), value))
