"""The scores of two versions side by side, as rows of a table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.registry.comparison import Verdict
from pipelines.tracking.finished_run import scores_of
from pipelines.tracking.score_keys import is_score
from pix2pix.evaluation.extractors import EFFICIENTNET
from pix2pix.evaluation.paired import Difference
from pix2pix.evaluation.protocol import compare_protocols

DEV_L1 = "dev/l1"
DEV_FRECHET = f"dev/frechet_{EFFICIENTNET}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One metric of a version and of the champion; None is what was not or cannot be compared.

    `difference` is the version's score minus the champion's, with the ends of its interval.
    """

    metric: str
    version: float
    champion: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None


def dev_rows(verdict: Verdict, *, recorded_l1: float) -> tuple[Row, ...]:
    """The scores that decide; without a comparison, the L1 that the training has recorded."""
    if verdict.l1 is None:
        return (Row(metric=DEV_L1, version=recorded_l1),)
    rows = (_row(DEV_L1, verdict.l1),)
    return rows if verdict.frechet is None else (*rows, _row(DEV_FRECHET, verdict.frechet))


def _row(metric: str, difference: Difference) -> Row:
    return Row(
        metric=metric,
        version=difference.first,
        champion=difference.second,
        difference=difference.change.value,
        low=difference.change.low,
        high=difference.change.high,
    )


def score_rows(
    metrics: Mapping[str, Any] | None, champion_metrics: Mapping[str, Any] | None
) -> tuple[Row, ...]:
    """The test scores, from the metrics.json of both versions, if there is one.

    The champion's are listed only if they were measured under the same protocol.
    """
    if metrics is None:
        return ()
    champion: dict[str, float] = {}
    if champion_metrics is not None:
        protocols = metrics["protocol"], champion_metrics["protocol"]
        champion = {} if compare_protocols(*protocols) else _test_scores(champion_metrics)
    return tuple(
        Row(metric=name, version=score, champion=champion.get(name))
        for name, score in _test_scores(metrics).items()
    )


def _test_scores(metrics: Mapping[str, Any]) -> dict[str, float]:
    """The test scores of the model (not of the baselines), without intervals."""
    return {
        name: score
        for name, score in scores_of({"test": metrics["test"]}).items()
        if is_score(name)
    }
