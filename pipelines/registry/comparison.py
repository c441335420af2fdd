"""Decide by the dev split whether one model version is better than another, and say why.

A version is better if the interval of the difference in L1 lies below -`register.min_l1_gain`, and
the interval of the difference in the Frechet distance does not lie above
`register.max_frechet_increase`. The test split is never used to choose a model.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from pix2pix.config import RegisterConfig
from pix2pix.evaluation.image_groups import ImageGroups
from pix2pix.evaluation.intervals import Interval
from pix2pix.evaluation.paired import (
    MIN_GROUPS,
    Difference,
    ModelScores,
    distance_difference,
    l1_difference,
)

# "not compared" is not final: the stage `register` decides anew when it runs again. What is left to
# a person would have been promoted, but for `register.promote: by_hand`.
Outcome = Literal["promoted", "left to a person", "not promoted", "not compared"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Contender:
    """A version with its scores on the dev split, or the reason why it has none."""

    model: str  # name of the registered model
    version: str
    scores: ModelScores | None
    obstacle: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Whether a version takes the place of the champion, and why.

    `opponent` is the version that it was compared with. The differences are those to it; they are
    None if they were not computed.
    """

    outcome: Outcome
    reason: str
    opponent: str | None = None
    l1: Difference | None = None
    frechet: Difference | None = None


def judge(
    challenger: Contender,
    champion: Contender | None,
    *,
    targets: np.ndarray | None,
    config: RegisterConfig,
    groups: ImageGroups,
) -> Verdict:
    """Compare two versions that were scored on the same dev images.

    `targets` (N, F) are the features of the N dev targets; without them, L1 alone decides.
    `groups` are those of the dev images, which intervals draw.
    """
    verdict = _without_comparison(challenger, champion)
    if verdict is None:
        assert challenger.scores is not None
        assert champion is not None
        assert champion.scores is not None
        scores = challenger.scores, champion.scores
        verdict = _compare(*scores, champion.version, targets=targets, config=config, groups=groups)
    if verdict.outcome != "promoted" or config.promote == "auto":
        return verdict
    waits = f"it waits for `pix2pix promote {challenger.model}/{challenger.version}`"
    return replace(verdict, outcome="left to a person", reason=f"{verdict.reason}; {waits}")


def _without_comparison(challenger: Contender, champion: Contender | None) -> Verdict | None:
    """The verdict where one of the two has no finite scores; None if they are to be compared."""
    opponent = None if champion is None else champion.version
    if challenger.scores is None:
        return Verdict(outcome="not compared", reason=str(challenger.obstacle), opponent=opponent)
    if not challenger.scores.is_finite:
        reason = "its dev L1 is not a finite number"
        return Verdict(outcome="not promoted", reason=reason, opponent=opponent)
    if champion is None:
        l1 = f"dev L1 {challenger.scores.l1.mean():.4g}"
        return Verdict(outcome="promoted", reason=f"{l1}; there was no champion")
    if champion.scores is None:
        reason = _what_to_do_by_hand(challenger, champion)
        return Verdict(outcome="not compared", reason=reason, opponent=opponent)
    if not champion.scores.is_finite:
        reason = f"the dev L1 of version {opponent}, the champion, is not a finite number"
        return Verdict(outcome="promoted", reason=reason, opponent=opponent)
    return None


def _what_to_do_by_hand(challenger: Contender, champion: Contender) -> str:
    return (
        f"version {champion.version}, the champion, cannot be scored on this data "
        f"({champion.obstacle}); `pix2pix promote {challenger.model}/{challenger.version}` makes "
        f"version {challenger.version} the champion"
    )


def _compare(
    first: ModelScores,
    second: ModelScores,
    opponent: str,
    *,
    targets: np.ndarray | None,
    config: RegisterConfig,
    groups: ImageGroups,
) -> Verdict:
    """Judge two versions that both have finite scores; `opponent` is the second."""
    intervals: dict[str, Any] = {
        "num_bootstrap": config.num_bootstrap,
        "confidence": config.confidence,
        "groups": groups,
    }
    l1 = l1_difference(first, second, **intervals)
    frechet = None
    if config.max_frechet_increase is not None:
        frechet = distance_difference(first, second, targets, **intervals)
    interval = _interval_name(config.confidence, groups)
    reasons = [
        f"dev L1 {l1.first:.4g}, {_relation(l1.change, opponent, interval)}",
        *_objections(l1, frechet, opponent, config=config, interval=interval),
    ]
    is_better = len(reasons) == 1
    if frechet is None and config.max_frechet_increase is not None:
        reasons.append(_why_l1_alone(groups))
    return Verdict(
        outcome="promoted" if is_better else "not promoted",
        reason="; ".join(reasons),
        opponent=opponent,
        l1=l1,
        frechet=frechet,
    )


def _objections(
    l1: Difference,
    frechet: Difference | None,
    opponent: str,
    *,
    config: RegisterConfig,
    interval: str,
) -> list[str]:
    """Why the first model is not better than the second; empty if it is."""
    objections = []
    highest = l1.change.value if l1.change.high is None else l1.change.high
    if not highest < -config.min_l1_gain:
        gain = f"lower by more than {config.min_l1_gain:g}" if config.min_l1_gain else "lower"
        subject = "it is" if l1.change.high is None else "the whole interval is"
        objections.append(f"it would be better if {subject} {gain}")
    if frechet is not None and frechet.change.low is not None:
        limit = config.max_frechet_increase
        assert limit is not None  # else the distance would not have been computed
        if frechet.change.low > limit:
            objections.append(
                f"its Frechet distance {frechet.first:.4g} is "
                f"{_relation(frechet.change, opponent, interval)}"
            )
    return objections


def _why_l1_alone(groups: ImageGroups) -> str:
    if len(groups) < MIN_GROUPS:
        are_single = len(groups) == groups.num_images
        what = "dev images" if are_single else "groups of dev images"
        return (
            f"L1 alone decides, without an interval, because there are fewer than {MIN_GROUPS} "
            f"{what}"
        )
    return "L1 alone decides, because images of these channels have no Frechet distance"


def _interval_name(confidence: float, groups: ImageGroups) -> str:
    name = f"{100 * confidence:g} % interval"
    if len(groups) == groups.num_images:
        return name
    return f"{name} over the {len(groups)} groups of {groups.num_images} images"


def _relation(change: Interval, opponent: str, interval: str) -> str:
    if change.value == change.low == change.high == 0:
        return f"equal to version {opponent} image by image"
    relation = f"{_signed(change.value)} than version {opponent}"
    if change.low is None or change.high is None:
        return relation
    ends = f"{_signed(change.low)} to {_signed(change.high)}"
    return f"{relation} ({interval}: {ends})"


def _signed(change: float) -> str:
    return f"{abs(change):.4g} {'lower' if change < 0 else 'higher'}"
