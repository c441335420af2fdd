from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from pix2pix.config import EvaluateConfig
from pix2pix.evaluation import kernel_distance
from pix2pix.evaluation.frechet import frechet_interval
from pix2pix.evaluation.image_groups import ImageGroups, groups_named, single_images
from pix2pix.evaluation.intervals import Interval, bootstrap_mean
from pix2pix.evaluation.kernel_distance import kernel_interval


def groups_of_size(num_groups: int, size: int) -> ImageGroups:
    return groups_named([f"film{number}" for number in range(num_groups) for _ in range(size)])


def mean_interval(values: np.ndarray, groups: ImageGroups, *, seed: int = 0) -> Interval:
    return bootstrap_mean(values, num_resamples=200, confidence=0.9, seed=seed, groups=groups)


def test_groups_are_numbered_as_they_appear() -> None:
    groups = groups_named(["b", "a", "b", "c"])
    assert groups.numbers.tolist() == [0, 1, 0, 2]
    assert (len(groups), groups.num_images) == (3, 4)


def test_a_resample_has_all_images_of_each_group_that_was_drawn() -> None:
    groups = groups_named(["a", "b", "a", "c", "a"])
    members = {0: (0, 2, 4), 1: (1,), 2: (3,)}
    drawn = np.random.default_rng(0)
    for rows in groups.resamples(20, np.random.default_rng(0)):
        expected = [row for group in drawn.integers(3, size=3) for row in members[int(group)]]
        assert rows.tolist() == expected


def test_single_images_are_drawn_as_images_always_were() -> None:
    """So intervals of data without groups stay what they are."""
    drawn, rows_rng = np.random.default_rng(7), np.random.default_rng(7)
    for rows in single_images(9).resamples(5, rows_rng):
        np.testing.assert_array_equal(rows, drawn.integers(9, size=9))
    counts = single_images(9).draw_counts(5, np.random.default_rng(7))
    expected = np.random.default_rng(7).multinomial(9, np.full(9, 1 / 9), size=5)
    np.testing.assert_array_equal(counts, expected)


def test_equal_images_of_a_group_tell_no_more_than_one_of_them() -> None:
    means = np.random.default_rng(0).normal(size=12)
    alone = mean_interval(means, single_images(12))
    repeated = mean_interval(means.repeat(30), groups_of_size(12, 30))
    assert (repeated.value, repeated.low, repeated.high) == pytest.approx(
        (alone.value, alone.low, alone.high), abs=1e-12
    )


@pytest.mark.slow
def test_intervals_cover_the_true_mean_where_films_differ() -> None:
    """Drawn image by image, the intervals of 90 % hold it in less than half of the cases."""
    rng = np.random.default_rng(0)
    groups = groups_of_size(20, 10)
    samples = [rng.normal(size=20).repeat(10) + rng.normal(size=200) for _ in range(200)]

    def coverage(of_samples: ImageGroups) -> float:
        intervals = [mean_interval(each, of_samples, seed=i) for i, each in enumerate(samples)]
        return float(np.mean([each.low <= 0 <= each.high for each in intervals]))

    assert 0.82 <= coverage(groups) <= 0.95
    assert coverage(single_images(200)) < 0.6


def test_equal_sets_of_films_have_wider_intervals_than_sets_of_single_images(
    config: EvaluateConfig,
) -> None:
    rng = np.random.default_rng(0)
    fake, real = (
        (rng.normal(size=(12, 6)) + shift).repeat(10, axis=0) + 0.1 * rng.normal(size=(120, 6))
        for shift in (0.0, 0.5)
    )
    groups, single = groups_of_size(12, 10), single_images(120)
    for paired in (True, False):
        for measure in (frechet_interval, lambda *a, **k: kernel_interval(*a, **k)[0]):
            by_image = measure(fake, real, paired=paired, config=config, groups=(single, single))
            by_group = measure(fake, real, paired=paired, config=config, groups=(groups, groups))
            assert by_group.value == by_image.value
            assert by_group.high - by_group.low > 1.5 * (by_image.high - by_image.low)


@pytest.mark.parametrize("paired", [True, False])
def test_pairs_of_copies_of_a_group_do_not_count_for_the_kernel_distance(
    paired: bool, config: EvaluateConfig
) -> None:
    """By definition, over all pairs of images of one resample after the other."""
    rng = np.random.default_rng(0)
    sets = rng.normal(size=(7, 5)), rng.normal(size=(7, 5)) + 0.3
    groups = groups_named(list("abacbad")), groups_named(list("abacbad" if paired else "aabbcde"))
    config = replace(config, num_bootstrap=6)
    draws = np.random.default_rng(config.seed)
    first = groups[0].draw_counts(6, draws)
    second = first if paired else groups[1].draw_counts(6, draws)

    def copies(drawn: np.ndarray, of_set: ImageGroups) -> list[tuple[int, int, int]]:
        """Row, group and copy of each image of a resample."""
        return [
            (row, group, copy)
            for row, group in enumerate(of_set.numbers.tolist())
            for copy in range(int(drawn[group]))
        ]

    def mean_kernel(a: int, b: int, ours: list, theirs: list, *, is_same: bool) -> float:
        values = [
            (sets[a][one[0]] @ sets[b][other[0]] / 5 + 1) ** 3
            for one, other in product(ours, theirs)
            if not is_same or one[1] != other[1] or (one[2] == other[2])
            if a != b or one != other
        ]
        return float(np.mean(values))

    expected = []
    for one, other in zip(first, second, strict=True):
        ours, theirs = copies(one, groups[0]), copies(other, groups[1])
        expected.append(
            mean_kernel(0, 0, ours, ours, is_same=True)
            + mean_kernel(1, 1, theirs, theirs, is_same=True)
            - 2 * mean_kernel(0, 1, ours, theirs, is_same=paired)
        )
    found = kernel_distance._resampled_mmd(*sets, groups, paired=paired, config=config)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_a_single_group_has_no_interval(config: EvaluateConfig) -> None:
    one, many = groups_of_size(1, 12), single_images(12)
    values = np.random.default_rng(0).normal(size=(12, 3))
    mean = mean_interval(values[:, 0], one)
    assert (mean.low, mean.high) == (None, None)
    for groups in ((one, one), (one, many), (many, one)):
        of_sets = {"paired": False, "config": config, "groups": groups}
        distance = frechet_interval(values, values + 1, **of_sets)
        kernel, _ = kernel_interval(values, values + 1, **of_sets)
        assert distance.low is distance.high is kernel.low is kernel.high is None
