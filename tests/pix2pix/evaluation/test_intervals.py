from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from pix2pix.evaluation.image_groups import single_images
from pix2pix.evaluation.intervals import Interval, bootstrap_mean, bootstrap_sets, centred_interval


def mean_interval(
    values: np.ndarray, *, seed: int = 0, num_resamples: int = 200, confidence: float = 0.9
) -> Interval:
    return bootstrap_mean(
        values,
        num_resamples=num_resamples,
        confidence=confidence,
        seed=seed,
        groups=single_images(len(values)),
    )


def test_the_interval_covers_the_true_mean_as_often_as_its_confidence() -> None:
    rng = np.random.default_rng(0)
    intervals = [mean_interval(rng.exponential(size=50), seed=seed) for seed in range(300)]
    coverage = np.mean([interval.low <= 1.0 <= interval.high for interval in intervals])
    assert 0.84 <= coverage <= 0.94


def test_the_width_of_the_interval_follows_from_the_standard_error() -> None:
    values = np.random.default_rng(0).normal(size=400)
    interval = mean_interval(values, num_resamples=2000)
    expected = 2 * 1.645 * values.std() / np.sqrt(400)
    assert interval.high - interval.low == pytest.approx(expected, rel=0.1)


def of_mean(values: np.ndarray, num_resamples: int) -> Interval:
    return mean_interval(values, num_resamples=num_resamples, confidence=0.95)


def of_set(values: np.ndarray, num_resamples: int) -> Interval:
    """The interval of the mean as that of a distance, of which the other set is larger."""
    return bootstrap_sets(
        values.mean(),
        lambda rows, _: float(values[rows].mean()),
        (single_images(len(values)), single_images(100)),
        paired=False,
        num_resamples=num_resamples,
        confidence=0.95,
        seed=0,
    )


@pytest.mark.parametrize("interval_of", [of_mean, of_set])
@pytest.mark.parametrize("num_images", [8, 16, 80])
def test_of_few_images_the_interval_is_as_wide_as_that_of_students_t(
    num_images: int, interval_of: Callable[[np.ndarray, int], Interval]
) -> None:
    """For normal scores that interval is exact; plain percentiles of 8 are a fifth too narrow."""
    values = stats.norm.ppf((np.arange(num_images) + 0.5) / num_images)
    interval = interval_of(values, 20_000)
    exact = stats.t.ppf(0.975, num_images - 1) * values.std(ddof=1) / num_images**0.5
    assert (interval.low, interval.high) == pytest.approx((-exact, exact), rel=0.03)


def test_the_estimate_is_the_mean_and_lies_in_its_interval() -> None:
    values = np.random.default_rng(0).lognormal(size=7)
    interval = mean_interval(values)
    assert interval.value == values.mean()
    assert interval.low < interval.value < interval.high


def test_the_seed_decides_the_interval() -> None:
    values = np.random.default_rng(0).normal(size=20)
    assert mean_interval(values, seed=1) == mean_interval(values, seed=1)
    assert mean_interval(values, seed=1) != mean_interval(values, seed=2)


def test_one_image_has_a_value_but_no_interval() -> None:
    assert mean_interval(np.array([0.25])) == Interval(0.25, None, None)


@pytest.mark.parametrize("values", [[], [0.1, np.nan], [np.inf, 0.2]])
def test_scores_that_have_no_mean_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        mean_interval(np.array(values))


@pytest.mark.parametrize("num_images", [2, 4])
def test_groups_of_other_images_are_refused(num_images: int) -> None:
    with pytest.raises(ValueError, match=f"3 scores, but groups of {num_images} images"):
        bootstrap_mean(
            np.arange(3.0),
            num_resamples=10,
            confidence=0.9,
            seed=0,
            groups=single_images(num_images),
        )


def test_a_biased_bootstrap_is_shifted_onto_the_estimate() -> None:
    draws = np.linspace(9.0, 11.0, 201)
    interval = centred_interval(5.0, draws, confidence=0.9, num_groups=100_000)
    ends = (interval.low, interval.value, interval.high)
    assert ends == pytest.approx((4.1, 5.0, 5.9), abs=1e-4)


def test_an_interval_always_contains_its_estimate() -> None:
    draws = np.array([0.0] * 95 + [100.0] * 5)
    interval = centred_interval(3.0, draws, confidence=0.6, num_groups=20)
    assert interval.low <= 3.0 <= interval.high


@pytest.mark.parametrize("paired", [True, False])
def test_paired_sets_are_resampled_together_and_others_independently(paired: bool) -> None:
    interval = bootstrap_sets(
        0.0,
        lambda rows, others: float((rows != others).sum()),
        (single_images(10), single_images(10)),
        paired=paired,
        num_resamples=50,
        confidence=0.9,
        seed=0,
    )
    assert (interval.high - interval.low > 0) is not paired


def test_paired_sets_of_unequal_size_are_refused() -> None:
    with pytest.raises(ValueError, match="3 and 4"):
        bootstrap_sets(
            0.0,
            lambda rows, others: 0.0,
            (single_images(3), single_images(4)),
            paired=True,
            num_resamples=1,
            confidence=0.9,
            seed=0,
        )
