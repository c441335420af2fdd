"""How much of the differences between trials each parameter goes with, from few trials."""

from collections.abc import Mapping, Sequence

import numpy as np

from pix2pix.config import Value


def rank_importance(
    points: Sequence[Mapping[str, Value]], scores: Sequence[float]
) -> dict[str, float]:
    """For each key, the share in [0, 1] of the variance of the scores' ranks that goes with it.

    Of numbers, the square of Spearman's rank correlation; of other values, the correlation ratio.
    Interactions are not seen. Zero where the key or the score does not vary.
    """
    ranks = _ranks(np.asarray(scores, dtype=np.float64))
    return {key: _share([point[key] for point in points], ranks) for key in points[0]}


def _share(values: Sequence[Value], ranks: np.ndarray) -> float:
    total = float(((ranks - ranks.mean()) ** 2).sum())
    if total == 0 or len(set(values)) == 1:
        return 0.0
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        own = _ranks(np.asarray(values, dtype=np.float64))
        return float(np.corrcoef(own, ranks)[0, 1] ** 2)
    groups = [ranks[[value == other for other in values]] for value in dict.fromkeys(values)]
    return float(sum(len(group) * (group.mean() - ranks.mean()) ** 2 for group in groups) / total)


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 0; equal values share the mean of theirs."""
    below = (values[:, None] > values[None, :]).sum(axis=1)
    equal = (values[:, None] == values[None, :]).sum(axis=1)
    return np.asarray(below + (equal - 1) / 2, dtype=np.float64)
