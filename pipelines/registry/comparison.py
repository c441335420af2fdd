"""Which of two versions is the better one, and their scores side by side.

The dev split alone decides: the test split is never used for choosing anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.tracking.finished_run import scores_of
from pix2pix.evaluation.protocol import compare_protocols

DEV_L1 = "dev/l1"

_NOT_COMPARED = ("_low", "_high", "_std", "/num_images")  # say how sure a score is


@dataclass(frozen=True, kw_only=True, slots=True)
class Contender:
    """A version, as far as it is known on the data at hand."""

    version: str
    dev_l1: float | None  # None where the model cannot be run on this data
    obstacle: str | None = None  # why it cannot
    is_rescored: bool = False  # the L1 is not that of its training, but was measured now
    metrics: Mapping[str, Any]  # a metrics.json; empty where there is none


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One metric of both."""

    metric: str
    challenger: float
    champion: float | None  # None where it is not to be compared


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """Whether the challenger becomes the champion, and why."""

    is_promoted: bool
    reason: str


def judge(challenger: Contender, champion: Contender | None) -> Judgement:
    """The lower dev L1 wins; of equals the champion stays."""
    if champion is None:
        return Judgement(is_promoted=True, reason="there was no champion")
    if champion.version == challenger.version:
        reason = f"version {challenger.version} is the champion already"
        return Judgement(is_promoted=False, reason=reason)
    if champion.dev_l1 is None:
        reason = (
            f"version {champion.version}, the champion, cannot be scored on this data "
            f"({champion.obstacle}); give version {challenger.version} the alias by hand if it is "
            "to take its place"
        )
        return Judgement(is_promoted=False, reason=reason)
    assert challenger.dev_l1 is not None  # it was trained on this data
    is_better = challenger.dev_l1 < champion.dev_l1
    relation = "lower than" if is_better else "not lower than"
    reason = (
        f"dev L1 of version {challenger.version} is {challenger.dev_l1:.6g}, {relation} "
        f"{champion.dev_l1:.6g} of version {champion.version}"
    )
    return Judgement(is_promoted=is_better, reason=reason)


def side_by_side(challenger: Contender, champion: Contender | None) -> tuple[Row, ...]:
    """Dev L1 and the test scores; the champion's only as measured under the same protocol."""
    assert challenger.dev_l1 is not None
    own, others = _test_scores(challenger), _comparable_scores(challenger, champion)
    dev = Row(
        metric=DEV_L1,
        challenger=challenger.dev_l1,
        champion=None if champion is None else champion.dev_l1,
    )
    tests = (
        Row(metric=name, challenger=score, champion=others.get(name)) for name, score in own.items()
    )
    return (dev, *tests)


def _test_scores(contender: Contender) -> dict[str, float]:
    """Of the model itself, without intervals."""
    return {
        name: score
        for name, score in scores_of({"test": contender.metrics["test"]}).items()
        if not name.endswith(_NOT_COMPARED)
    }


def _comparable_scores(challenger: Contender, champion: Contender | None) -> dict[str, float]:
    """The champion's test scores; none where there are none or the protocol is another."""
    if champion is None or not champion.metrics:
        return {}
    protocols = challenger.metrics["protocol"], champion.metrics["protocol"]
    return {} if compare_protocols(*protocols) else _test_scores(champion)
