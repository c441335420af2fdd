"""A gain counts only if it is larger than the differences between seeds."""

import pytest

from pix2pix.tuning.seed_band import gain


def test_a_difference_larger_than_those_between_seeds_is_better_or_worse() -> None:
    good, bad = (0.10, 0.11, 0.10), (0.20, 0.21, 0.20)
    assert gain(default=bad, winner=good).verdict == "better"
    assert gain(default=good, winner=bad).verdict == "worse"


def test_a_difference_within_those_between_seeds_is_no_difference() -> None:
    result = gain(default=(0.10, 0.20, 0.15), winner=(0.14, 0.09, 0.16))
    assert result.mean == pytest.approx(0.02)
    assert result.low < 0 < result.high
    assert result.verdict == "no difference"


def test_the_interval_is_welch_s() -> None:
    """With two degrees of freedom Student's t has a closed form; the standard error is 3**-0.5."""
    result = gain(default=(4.0, 5.0, 6.0), winner=(1.0, 1.0, 1.0))
    assert result.mean == 4.0
    assert result.high - result.mean == pytest.approx(0.95 * (2 / (1 - 0.95**2)) ** 0.5 / 3**0.5)


def test_if_seeds_change_nothing_the_interval_is_the_difference_itself() -> None:
    result = gain(default=(0.2, 0.2), winner=(0.1, 0.1))
    assert (result.low, result.mean, result.high) == (0.1, 0.1, 0.1)
    assert gain(default=(0.2, 0.2), winner=(0.2, 0.2)).verdict == "no difference"


def test_one_seed_gives_no_interval() -> None:
    with pytest.raises(ValueError, match="needs two trainings of each, got 1 and 2"):
        gain(default=(0.1,), winner=(0.1, 0.2))
