"""Decide which of two model versions is better, and list their scores side by side.

Only the dev split decides. The test split is never used to choose a model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.tracking.finished_run import scores_of
from pix2pix.evaluation.protocol import compare_protocols

DEV_L1 = "dev/l1"

_NOT_COMPARED = ("_low", "_high", "_std", "/num_images")  # describe the uncertainty of a score


@dataclass(frozen=True, kw_only=True, slots=True)
class Contender:
    """One of the two versions, with its scores."""

    version: str
    dev_l1: float | None  # on the prepared data; None if the model cannot be run on this data
    obstacle: str | None = None  # the reason why it cannot be run
    is_rescored: bool = False  # whether dev_l1 was measured now, and not by the model's training
    metrics: Mapping[str, Any]  # the content of metrics.json; empty if there is none


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One metric of challenger and champion."""

    metric: str
    challenger: float
    champion: float | None  # None if it cannot be compared


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """Whether the challenger becomes the champion, and why."""

    is_promoted: bool
    reason: str


def judge(challenger: Contender, champion: Contender | None) -> Judgement:
    """Promote the challenger if its dev L1 is lower than the champion's, or there is none."""
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
    """The dev L1 and the test scores of both versions.

    The champion's test scores are listed only if they were measured under the same protocol.
    """
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
    """The test scores of the model (not of the baselines), without intervals."""
    return {
        name: score
        for name, score in scores_of({"test": contender.metrics["test"]}).items()
        if not name.endswith(_NOT_COMPARED)
    }


def _comparable_scores(challenger: Contender, champion: Contender | None) -> dict[str, float]:
    """The champion's test scores; empty if it has none, or they have another protocol."""
    if champion is None or not champion.metrics:
        return {}
    protocols = challenger.metrics["protocol"], champion.metrics["protocol"]
    return {} if compare_protocols(*protocols) else _test_scores(champion)
