"""Whether a gain is larger than the differences between seeds."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, pvariance

from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True, slots=True)
class Gain:
    """By how much the winner's dev L1 is lower than the default's, with an interval."""

    default: tuple[float, ...]  # dev L1 by seed
    winner: tuple[float, ...]
    mean: float  # of default - winner
    low: float  # 95 % interval of that mean
    high: float

    @property
    def verdict(self) -> str:
        """Either better, worse, or no difference (the interval contains zero)."""
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "no difference"


def gain(default: Sequence[float], winner: Sequence[float]) -> Gain:
    """Compare dev L1 of at least two seeds each, by Welch's interval (Welch 1947).

    Seeds are not paired: with other parameters the same seed leads to an unrelated training.
    Raises ValueError for fewer than two values on either side.
    """
    if min(len(default), len(winner)) < 2:
        raise ValueError(
            f"a seed band needs two trainings of each, got {len(default)} and {len(winner)}"
        )
    mean = fmean(default) - fmean(winner)
    if pvariance(default) == pvariance(winner) == 0:
        low = high = mean  # seeds make no difference; Welch's formula would divide by zero
    else:
        with warnings.catch_warnings():  # equal values on one side are allowed
            warnings.filterwarnings("ignore", "Precision loss occurred", RuntimeWarning)
            test = stats.ttest_ind(default, winner, equal_var=False)
        low, high = map(float, test.confidence_interval(CONFIDENCE))
    return Gain(default=tuple(default), winner=tuple(winner), mean=mean, low=low, high=high)
