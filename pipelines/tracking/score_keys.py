"""The keys of a metrics.json: which of them are scores, and what is said of a score beside it.

`evaluation.report.report_json` writes them. Keys of MLflow have something before them, such as
test/l1. This module imports nothing, because many who read scores compute none.
"""

from collections.abc import Mapping

LOW, HIGH = "_low", "_high"  # behind the name of a score: the ends of its interval
_NO_SCORES = (LOW, HIGH, "_std", "num_images")  # they say how sure a score is


def is_score(key: str) -> bool:
    """Whether a key names a score; the others say how sure a score is."""
    return not key.endswith(_NO_SCORES)


def interval_of(scores: Mapping[str, float | None], key: str) -> tuple[float, float] | None:
    """The ends of the interval of a score; None if it has none."""
    low, high = scores.get(f"{key}{LOW}"), scores.get(f"{key}{HIGH}")
    return None if low is None or high is None else (low, high)


def score_text(scores: Mapping[str, float | None], key: str) -> str:
    """A score with its interval, for a cell of a table; empty if there is no such score."""
    value, interval = scores.get(key), interval_of(scores, key)
    if value is None:
        return ""
    ends = "" if interval is None else f" ({interval[0]:.3g} to {interval[1]:.3g})"
    return f"{value:.4g}{ends}"
