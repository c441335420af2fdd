"""Whether a gain is more than what another seed would have given."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, variance

CONFIDENCE = 0.95

# Student's t, two-sided 95 %, for 1 to 30 degrees of freedom; more are counted as 30.
_T = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)


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
        """better, worse, or no difference: the interval holds zero."""
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "no difference"


def gain(default: Sequence[float], winner: Sequence[float]) -> Gain:
    """Compare dev L1 of at least two seeds each, by Welch's interval.

    The degrees of freedom (Welch 1947) are rounded down, to the safe side. Seeds are not paired:
    with other parameters a seed draws another training. Raises ValueError for fewer than two.
    """
    if min(len(default), len(winner)) < 2:
        raise ValueError(
            f"a seed band needs two trainings of each, got {len(default)} and {len(winner)}"
        )
    mean = fmean(default) - fmean(winner)
    shares = [variance(values) / len(values) for values in (default, winner)]
    half = _t(shares, (len(default), len(winner))) * math.sqrt(sum(shares))
    return Gain(
        default=tuple(default), winner=tuple(winner), mean=mean, low=mean - half, high=mean + half
    )


def _t(shares: Sequence[float], counts: Sequence[int]) -> float:
    squares = sum(share**2 / (count - 1) for share, count in zip(shares, counts, strict=True))
    if squares == 0:
        return 0.0  # no seed made a difference, and the interval is the mean
    freedom = int(sum(shares) ** 2 / squares + 1e-9)
    return _T[min(max(freedom, 1), len(_T)) - 1]
