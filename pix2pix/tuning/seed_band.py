"""Whether a gain is larger than what another seed alone would have given."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, pvariance

from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True, slots=True)
class Gain:
    """How much lower the winner's dev L1 is than the default's, and how sure that is."""

    default: tuple[float, ...]  # dev L1 by seed
    winner: tuple[float, ...]
    mean: float  # of default - winner
    low: float  # 95 % interval of that mean
    high: float

    @property
    def verdict(self) -> str:
        """Return better, worse, or no difference (the interval contains zero)."""
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
        low = high = mean  # no seed made a difference; Welch's formula divides by zero here
    else:
        with warnings.catch_warnings():  # equal values on one side are no fault
            warnings.filterwarnings("ignore", "Precision loss occurred", RuntimeWarning)
            test = stats.ttest_ind(default, winner, equal_var=False)
        low, high = map(float, test.confidence_interval(CONFIDENCE))
    return Gain(default=tuple(default), winner=tuple(winner), mean=mean, low=low, high=high)
