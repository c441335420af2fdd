from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import (
    KEY_METRIC_KID_MEAN,
    KEY_METRIC_KID_STD,
    kernel_mmd,
    kid_features_to_metric,
)
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from pix2pix.config import EvaluateConfig
from pix2pix.evaluation import frechet, kernel_distance
from pix2pix.evaluation.frechet import frechet_distance, frechet_interval
from pix2pix.evaluation.image_groups import single_images
from pix2pix.evaluation.intervals import Interval, centred_interval
from pix2pix.evaluation.kernel_distance import kernel_interval

Sets = tuple[np.ndarray, np.ndarray]


def feature_sets(num_fake: int, num_real: int, num_features: int) -> Sets:
    """Return features that are positive and of unequal spread, like pooled features."""
    rng = np.random.default_rng(0)
    spread = np.exp(-np.arange(num_features) / 50)
    fake = np.abs(rng.normal(size=(num_fake, num_features))) * spread
    real = np.abs(rng.normal(size=(num_real, num_features)) + 0.3) * spread
    return fake.astype(np.float32), real.astype(np.float32)


def factored(fake: np.ndarray, real: np.ndarray) -> float:
    """The distance as it is computed for resamples, here of all rows once."""
    return frechet._frechet_of_rows(fake, np.arange(len(fake)), real, np.arange(len(real)))


def test_with_equal_covariances_the_distance_is_that_of_the_means_squared() -> None:
    fake, _ = feature_sets(30, 1, 8)
    assert frechet_distance(fake, fake + np.float32(0.5)) == pytest.approx(8 * 0.25, rel=1e-5)


def test_in_one_dimension_the_distance_has_a_closed_form() -> None:
    """(m1 - m2)^2 + (s1 - s2)^2, Dowson and Landau 1982."""
    fake, real = np.array([[0.0, 7], [2.0, 7]]), np.array([[1.0, 7], [9.0, 7], [5.0, 7]])
    deviations = np.sqrt(2.0), 4.0
    expected = (1.0 - 5.0) ** 2 + (deviations[0] - deviations[1]) ** 2
    assert frechet_distance(fake, real) == pytest.approx(expected)
    assert factored(fake, real) == pytest.approx(expected)


@pytest.mark.parametrize("sizes", [(12, 12, 200), (40, 25, 30), (90, 120, 30), (30, 30, 60)])
def test_the_rotated_and_the_factored_distance_equal_that_of_the_whole_covariances(
    sizes: tuple[int, int, int],
) -> None:
    fake, real = (features.astype(np.float64) for features in feature_sets(*sizes))
    statistics = [fid_features_to_statistics(torch.from_numpy(part)) for part in (fake, real)]
    whole = fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    assert frechet_distance(fake, real) == pytest.approx(whole, rel=1e-6)
    assert factored(fake, real) == pytest.approx(whole, rel=1e-6)


@pytest.mark.parametrize("num_features", [200, 10])
def test_a_resample_with_repeated_rows_has_the_distance_of_its_copies(num_features: int) -> None:
    fake, real = (features.astype(np.float64) for features in feature_sets(40, 30, num_features))
    rng = np.random.default_rng(1)
    rows, others = rng.integers(40, size=40), rng.integers(30, size=30)
    assert len(set(rows)) < 40
    of_rows = frechet._frechet_of_rows(fake, rows, real, others)
    assert of_rows == pytest.approx(frechet_distance(fake[rows], real[others]), rel=1e-6)


def frechet_of_images(fake: np.ndarray, real: np.ndarray, **options) -> Interval:
    groups = single_images(len(fake)), single_images(len(real))
    return frechet_interval(fake, real, **options, groups=groups)


def kernel_of_images(
    fake: np.ndarray, real: np.ndarray, **options
) -> tuple[Interval, float | None]:
    groups = single_images(len(fake)), single_images(len(real))
    return kernel_interval(fake, real, **options, groups=groups)


class Lookup(nn.Module):
    """A network for torchmetrics that returns our features by their number."""

    def __init__(self, features: np.ndarray) -> None:
        super().__init__()
        self.features = torch.from_numpy(features)
        self.num_features = features.shape[1]

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        return self.features[numbers]


@pytest.mark.filterwarnings("ignore:Metric `Kernel Inception Distance`:UserWarning")
def test_both_distances_agree_with_torchmetrics(config: EvaluateConfig) -> None:
    fake, real = feature_sets(30, 30, 60)
    features = Lookup(np.concatenate([real, fake]))
    kernel, _ = kernel_of_images(fake, real, paired=True, config=config)
    for metric, distance in (
        (FrechetInceptionDistance(features), frechet_distance(fake, real)),
        (KernelInceptionDistance(features, subsets=1, subset_size=30), kernel.value),
    ):
        metric.update(torch.arange(30), real=True)
        metric.update(torch.arange(30, 60), real=False)
        computed = metric.compute()
        value = computed[0] if isinstance(computed, tuple) else computed
        assert float(value) == pytest.approx(distance, rel=1e-3)


def test_a_set_has_no_distance_to_itself() -> None:
    fake, _ = feature_sets(20, 1, 50)
    assert frechet_distance(fake, fake) == pytest.approx(0.0, abs=1e-5)


def test_kid_of_all_images_is_the_unbiased_estimate_of_torch_fidelity(
    config: EvaluateConfig,
) -> None:
    fake, real = feature_sets(20, 20, 50)
    interval, deviation = kernel_of_images(fake, real, paired=False, config=config)
    expected = kernel_mmd(fake.astype(np.float64), real.astype(np.float64))
    assert interval.value == pytest.approx(expected, rel=1e-9)
    assert deviation is None  # all images in another order are no other subset
    _, deviation = kernel_of_images(fake[:19], real, paired=False, config=config)
    assert deviation is not None
    assert deviation > 0


def test_kid_subsets_are_no_larger_than_either_set(config: EvaluateConfig) -> None:
    fake, real = feature_sets(20, 9, 50)
    small = replace(config, kid_subset_size=9)
    assert kernel_of_images(fake, real, paired=False, config=config) == kernel_of_images(
        fake, real, paired=False, config=small
    )


def test_kid_is_the_mean_over_subsets_of_the_size_that_is_set(config: EvaluateConfig) -> None:
    fake, real = feature_sets(20, 20, 50)
    small = replace(config, kid_subset_size=9)
    interval, deviation = kernel_of_images(fake, real, paired=False, config=small)
    theirs = kid_features_to_metric(
        *(torch.from_numpy(features.astype(np.float64)) for features in (fake, real)),
        kid_subsets=100,
        kid_subset_size=9,
        rng_seed=small.seed,
        verbose=False,
    )
    expected = theirs[KEY_METRIC_KID_MEAN], theirs[KEY_METRIC_KID_STD]
    assert (interval.value, deviation) == pytest.approx(expected, rel=1e-9)


def test_slicing_the_kernel_does_not_change_the_interval(
    config: EvaluateConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake, real = feature_sets(20, 20, 50)
    whole, _ = kernel_of_images(fake, real, paired=True, config=config)
    monkeypatch.setattr(kernel_distance, "_KERNEL_ROWS", 7)
    sliced, _ = kernel_of_images(fake, real, paired=True, config=config)
    assert (sliced.low, sliced.high) == pytest.approx((whole.low, whole.high), rel=1e-9)


@pytest.mark.parametrize("paired", [True, False])
def test_the_interval_of_kid_is_expanded_as_all_others(
    paired: bool, config: EvaluateConfig
) -> None:
    fake, real = (features.astype(np.float64) for features in feature_sets(12, 12, 6))
    groups = single_images(12), single_images(12)
    interval, _ = kernel_interval(fake, real, paired=paired, config=config, groups=groups)
    draws = kernel_distance._resampled_mmd(fake, real, groups, paired=paired, config=config)
    expected = centred_interval(interval.value, draws, confidence=config.confidence, num_groups=12)
    assert interval == expected


@pytest.mark.parametrize("paired", [True, False])
def test_intervals_are_as_wide_as_the_spread_between_test_sets(
    paired: bool, config: EvaluateConfig
) -> None:
    """If the sets are unpaired, intervals may be wider by up to a half."""
    rng = np.random.default_rng(0)
    config = replace(config, num_bootstrap=100, kid_subset_size=40)

    def test_set() -> Sets:
        real, other = rng.normal(size=(2, 40, 100))
        fake = 0.7 * (real if paired else other) + 0.5 * rng.normal(size=(40, 100)) + 0.2
        return fake, real

    distances = [factored(*test_set()) for _ in range(200)]
    kernels = [kernel_mmd(*test_set()) for _ in range(200)]
    some = [test_set() for _ in range(8)]
    for truth, intervals in (
        (distances, [frechet_of_images(*sets, paired=paired, config=config) for sets in some]),
        (kernels, [kernel_of_images(*sets, paired=paired, config=config)[0] for sets in some]),
    ):
        width = np.mean([interval.high - interval.low for interval in intervals]) / (2 * 1.96)
        assert 0.8 < width / np.std(truth) < 1.6
        covered = [i.low <= np.mean(truth) <= i.high for i in intervals]
        assert sum(covered) >= 6


def test_intervals_contain_their_estimates(config: EvaluateConfig) -> None:
    fake, real = feature_sets(20, 20, 100)
    distance = frechet_of_images(fake, real, paired=True, config=config)
    kernel, _ = kernel_of_images(fake, real, paired=True, config=config)
    assert distance.low < distance.value < distance.high
    assert kernel.low < kernel.value < kernel.high
    assert distance.value == frechet_distance(fake, real)


@pytest.mark.parametrize("num_images", [2, 3])
def test_even_two_images_give_finite_intervals(num_images: int, config: EvaluateConfig) -> None:
    fake, real = feature_sets(num_images, num_images, 20)
    kernel, _ = kernel_of_images(fake, real, paired=False, config=config)
    distance = frechet_of_images(fake, real, paired=False, config=config)
    assert np.isfinite([kernel.low, kernel.high, distance.low, distance.high]).all()


@pytest.mark.parametrize("measure", [frechet_of_images, kernel_of_images])
def test_a_single_image_is_refused(measure, config: EvaluateConfig) -> None:
    fake, real = feature_sets(1, 5, 4)
    with pytest.raises(ValueError, match="at least 2 images in each set, got 1 and 5"):
        measure(fake, real, paired=False, config=config)


def test_features_of_two_extractors_are_refused() -> None:
    with pytest.raises(ValueError, match="one F"):
        frechet_distance(np.zeros((4, 3)), np.zeros((4, 2)))


def test_larger_sets_have_fewer_resamples() -> None:
    assert frechet._num_frechet_resamples(100, 1000) == frechet.NUM_FRECHET_RESAMPLES
    assert frechet._num_frechet_resamples(1300, 1000) == int(200 / 1.3**3)
    assert frechet._num_frechet_resamples(2048, 1000) == 50
    assert frechet._num_frechet_resamples(2048, 20) == 20
