"""The decision about the champion as a Markdown text, made of the content of register.json."""

from collections.abc import Mapping
from typing import Any

from pipelines.tracking.score_keys import interval_of

HEADING = "## Comparison with the champion"


def warning_of(metrics: Mapping[str, Any] | None) -> str | None:
    """A sentence if the model is worse than the mean target; `metrics` is metrics.json, if any.

    It is worse if the intervals of the two test scores do not overlap. A single image has none.
    """
    mean = (metrics or {}).get("baselines", {}).get("mean_target")
    if metrics is None or mean is None:
        return None
    own = metrics["test"]
    interval, of_mean = interval_of(own, "l1"), interval_of(mean, "l1")
    if interval is None or of_mean is None or interval[0] <= of_mean[1]:
        return None
    return (
        f"worse than the mean target in L1 on the test split ({own['l1']:.4g}, mean target "
        f"{mean['l1']:.4g}): look at the pairs, or train longer"
    )


def decision_report(
    model: str, version: str, decision: Mapping[str, Any], *, warning: str | None = None
) -> str:
    """The report on a version: outcome, reason, and a table of the scores of both versions.

    `decision` is the key `decision` of register.json, `warning` that of `warning_of`.
    """
    other = decision["compared_with"]
    head = ["metric", f"version {version}"]
    if other is not None:
        head += [f"version {other}", "difference", "interval"]
    lines = [
        HEADING,
        "",
        f"{model} version {version} was **{decision['outcome']}**: {decision['reason']}.",
        "",
        *([] if warning is None else [f"The model is {warning}.", ""]),
        _line(head),
        _line(["---"] * len(head)),
        *(_line(_cells(row, has_other=other is not None)) for row in decision["rows"]),
    ]
    if other is not None:
        lines += ["", "The scores on the dev split decide. Those on the test split do not."]
    return "\n".join(lines) + "\n"


def _cells(row: Mapping[str, Any], *, has_other: bool) -> list[str]:
    cells = [row["metric"], _number(row["version"])]
    if has_other:
        interval = "" if row["low"] is None else f"{row['low']:+.4g} to {row['high']:+.4g}"
        difference = "" if row["difference"] is None else f"{row['difference']:+.4g}"
        cells += [_number(row["champion"]), difference, interval]
    return cells


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
