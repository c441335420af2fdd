import numpy as np
import pytest
from scipy import stats

from pix2pix.evaluation.frechet import frechet_distance
from pix2pix.evaluation.image_groups import groups_named, single_images
from pix2pix.evaluation.intervals import Interval
from pix2pix.evaluation.paired import (
    MIN_GROUPS,
    ModelScores,
    distance_difference,
    l1_difference,
)

RESAMPLING = {"num_bootstrap": 200, "confidence": 0.95}


def scores(l1: np.ndarray, features: np.ndarray | None = None) -> ModelScores:
    return ModelScores(l1=l1, features=features)


def features_of(num_images: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(num_images, 4))


def test_a_constant_difference_is_certain_however_much_the_images_differ() -> None:
    """Unpaired intervals of these means would be a thousand times wider than the difference."""
    second = np.linspace(0.0, 1.0, 20)
    difference = l1_difference(
        scores(second - 0.001), scores(second), **RESAMPLING, groups=single_images(20)
    )
    assert (difference.first, difference.second) == pytest.approx((0.499, 0.5))
    low, high = difference.change.low, difference.change.high
    assert (difference.change.value, low, high) == pytest.approx((-0.001, -0.001, -0.001))


def test_the_interval_is_as_wide_as_that_of_the_mean_of_the_differences() -> None:
    """For N differences of deviation s, about 1.96 s / sqrt(N) to each side."""
    change = np.random.default_rng(0).normal(0.0, 0.1, 400)
    difference = l1_difference(
        scores(0.5 + change),
        scores(np.full(400, 0.5)),
        num_bootstrap=4000,
        confidence=0.95,
        groups=single_images(400),
    ).change
    assert difference.low is not None
    assert difference.high is not None
    half = 1.96 * change.std() / 20
    assert difference.high - difference.value == pytest.approx(half, rel=0.06)
    assert difference.value - difference.low == pytest.approx(half, rel=0.06)


@pytest.mark.parametrize("num_images", [MIN_GROUPS, 16, 40])
def test_of_few_images_the_interval_is_as_wide_as_that_of_students_t(num_images: int) -> None:
    """For normal differences that interval is exact; plain percentiles are a fifth too narrow."""
    change = stats.norm.ppf((np.arange(num_images) + 0.5) / num_images)
    difference = l1_difference(
        scores(change),
        scores(np.zeros(num_images)),
        num_bootstrap=20_000,
        confidence=0.95,
        groups=single_images(num_images),
    ).change
    exact = stats.t.ppf(0.975, num_images - 1) * change.std(ddof=1) / num_images**0.5
    assert (difference.low, difference.high) == pytest.approx((-exact, exact), rel=0.03)


@pytest.mark.parametrize(
    ("num_images", "has_interval"), [(1, False), (MIN_GROUPS - 1, False), (MIN_GROUPS, True)]
)
def test_few_images_have_neither_an_interval_nor_a_distance(
    num_images: int, has_interval: bool
) -> None:
    first = scores(np.full(num_images, 0.25), features_of(num_images))
    second = scores(np.full(num_images, 0.5), features_of(num_images, seed=1))
    options = {**RESAMPLING, "groups": single_images(num_images)}
    change = l1_difference(first, second, **options).change
    assert change.value == -0.25
    assert change == Interval(-0.25, *((-0.25, -0.25) if has_interval else (None, None)))
    targets = features_of(num_images, seed=2)
    distance = distance_difference(first, second, targets, **options)
    assert (distance is not None) is has_interval


@pytest.mark.parametrize(
    ("num_groups", "has_interval"), [(1, False), (MIN_GROUPS - 1, False), (MIN_GROUPS, True)]
)
def test_few_groups_of_many_images_have_neither_an_interval_nor_a_distance(
    num_groups: int, has_interval: bool
) -> None:
    groups = groups_named([f"film{image % num_groups}" for image in range(40)])
    first, second = (scores(np.linspace(0, 1, 40), features_of(40, seed)) for seed in (0, 1))
    change = l1_difference(first, second, **RESAMPLING, groups=groups).change
    assert (change.low is not None) is has_interval
    distance = distance_difference(first, second, features_of(40, 2), **RESAMPLING, groups=groups)
    assert (distance is not None) is has_interval


def test_a_difference_of_films_is_uncertain_however_many_frames_they_have() -> None:
    """Eight films, five better and three worse by as much: frames alone would make it certain."""
    change = np.array([-0.01] * 5 + [0.01] * 3).repeat(100)
    first, second = scores(0.5 + change), scores(np.full(800, 0.5))
    groups = groups_named([f"film{image // 100}" for image in range(800)])
    by_image = l1_difference(first, second, **RESAMPLING, groups=single_images(800)).change
    by_film = l1_difference(first, second, **RESAMPLING, groups=groups).change
    assert by_image.high is not None
    assert by_film.high is not None
    assert by_image.high < 0 < by_film.high


def test_images_without_features_have_no_distance() -> None:
    without, with_features = scores(np.zeros(9)), scores(np.zeros(9), features_of(9))
    options = {**RESAMPLING, "groups": single_images(9)}
    assert distance_difference(without, with_features, features_of(9), **options) is None
    assert distance_difference(with_features, without, features_of(9), **options) is None
    assert distance_difference(with_features, with_features, None, **options) is None


def test_a_shift_of_all_features_changes_the_distance_by_its_square() -> None:
    """Equal covariances leave the squared distance of the means, in each resample, too."""
    targets = features_of(30)
    first, second = (scores(np.zeros(30), targets + shift) for shift in (1.0, 0.5))
    difference = distance_difference(first, second, targets, **RESAMPLING, groups=single_images(30))
    assert difference is not None
    expected = 4 * (1.0 - 0.25)
    assert (difference.first, difference.second) == pytest.approx((4.0, 1.0))
    ends = (difference.change.value, difference.change.low, difference.change.high)
    assert ends == pytest.approx((expected,) * 3, rel=1e-5)


def test_models_that_are_nearly_equal_have_a_narrow_interval_of_the_distance() -> None:
    """Both are resampled alike; drawn apart, their distances would differ by tenths."""
    targets, fake = features_of(20), features_of(20, seed=1)
    first, second = (scores(np.zeros(20), features) for features in (fake, fake + 1e-7))
    difference = distance_difference(first, second, targets, **RESAMPLING, groups=single_images(20))
    assert difference is not None
    assert difference.change.low == pytest.approx(0.0, abs=1e-5)
    assert difference.change.high == pytest.approx(0.0, abs=1e-5)


def test_equal_models_differ_in_nothing() -> None:
    same = scores(np.linspace(0, 1, 12), features_of(12))
    options = {**RESAMPLING, "groups": single_images(12)}
    assert l1_difference(same, same, **options).change == Interval(0.0, 0.0, 0.0)
    distance = distance_difference(same, same, features_of(12, seed=1), **options)
    assert distance is not None
    assert distance.change == Interval(0.0, 0.0, 0.0)
    assert distance.first == frechet_distance(features_of(12), features_of(12, seed=1))


def test_scores_that_are_no_numbers_are_noticed() -> None:
    assert scores(np.array([0.0, 1.0])).is_finite
    assert not scores(np.array([0.0, np.nan])).is_finite
    assert not scores(np.array([0.0, np.inf])).is_finite
