"""Decide whether a version was reproduced, from its lineage and the training that was run again.

Where the environment is the recorded one and no GPU computed, all weights have to be equal, bit for
bit. Otherwise that cannot be promised, and the test scores decide if the weights differ: each has
to lie in the interval that the stage `evaluate` computed for the version. That is the bootstrap
interval over the test images (`evaluate.confidence`), so it says by how much the score of one model
may vary with the choice of the test images.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipelines.tracking.score_keys import HIGH, LOW, is_score
from pix2pix.weights import TensorDifference, WeightsHash

_BASELINES = "test/baseline_"


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreRow:
    """A test score of the version and of the training that was run again.

    `low` and `high` are the ends of the version's interval; None if it has none.
    """

    metric: str
    recorded: float
    rebuilt: float
    low: float | None
    high: float | None

    @property
    def is_within(self) -> bool:
        """Whether the score lies in the version's interval, or there is none."""
        return self.low is None or self.high is None or self.low <= self.rebuilt <= self.high


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Whether a version was reproduced, and why."""

    is_reproduced: bool
    reason: str


def score_rows(recorded: Mapping[str, float], rebuilt: Mapping[str, float]) -> list[ScoreRow]:
    """Return a row for each test score of the model that both have."""
    return [
        ScoreRow(
            metric=metric,
            recorded=score,
            rebuilt=rebuilt[metric],
            low=recorded.get(f"{metric}{LOW}"),
            high=recorded.get(f"{metric}{HIGH}"),
        )
        for metric, score in recorded.items()
        if metric in rebuilt and not metric.startswith(_BASELINES) and is_score(metric)
    ]


def judge(
    recorded: Mapping[str, WeightsHash],
    rebuilt: Mapping[str, WeightsHash],
    *,
    tensors: Sequence[TensorDifference],
    scores: Sequence[ScoreRow],
    why_no_bits: str | None,
) -> Verdict:
    """Compare the weights, and if they differ with a reason, the scores.

    `tensors` are the tensors of the generators that differ. `why_no_bits` says why equal weights
    cannot be promised; None if they can.
    """
    differing = [name for name in recorded if not _has_equal_tensors(name, recorded, rebuilt)]
    if not differing:
        return Verdict(is_reproduced=True, reason="all weights are equal, bit for bit")
    weights = f"the weights of {' and '.join(differing)} differ{_first(tensors)}"
    if why_no_bits is None:
        return Verdict(is_reproduced=False, reason=weights)
    return _judge_scores(scores, f"{weights}, and equal ones could not be promised ({why_no_bits})")


def _has_equal_tensors(
    name: str, recorded: Mapping[str, WeightsHash], rebuilt: Mapping[str, WeightsHash]
) -> bool:
    return name in rebuilt and rebuilt[name].tensors_sha256 == recorded[name].tensors_sha256


def _first(tensors: Sequence[TensorDifference]) -> str:
    """Describe the tensors of the generator that differ."""
    if not tensors:
        return ""
    names = ", ".join(tensor.name for tensor in tensors[:3])
    more = f" and {len(tensors) - 3} more" if tensors[3:] else ""
    largest = [tensor.largest for tensor in tensors]
    if any(value is None for value in largest):
        return f" ({names}{more})"
    return f" ({names}{more}, by at most {max(filter(None, largest), default=0.0):.3g})"


def _judge_scores(scores: Sequence[ScoreRow], weights: str) -> Verdict:
    judged = [row for row in scores if row.low is not None]
    outside = [row for row in judged if not row.is_within]
    if not judged:
        reason = "no test score has an interval by which it could be judged"
    elif outside:
        first = outside[0]
        reason = (
            f"{len(outside)} of {len(judged)} test scores lie outside the version's intervals, "
            f"such as {first.metric} {first.rebuilt:.4g} (recorded {first.recorded:.4g}, "
            f"{first.low:.4g} to {first.high:.4g})"
        )
    else:
        reason = f"all {len(judged)} test scores lie in the version's intervals"
    return Verdict(is_reproduced=bool(judged) and not outside, reason=f"{reason}; {weights}")
