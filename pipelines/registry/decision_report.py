"""The decision about the champion as a Markdown text, made of the content of register.json."""

from collections.abc import Mapping
from typing import Any

from pipelines.tracking.markdown_table import markdown_table
from pipelines.tracking.score_keys import interval_of, is_score

HEADING = "## Comparison with the champion"

_BASELINES = {"mean_target": "the mean target", "identity": "the source itself"}


def warning_of(metrics: Mapping[str, Any] | None) -> str | None:
    """A sentence if the model is no better than a baseline; `metrics` is metrics.json, if any.

    It is better if its interval of L1 or of the Frechet distance lies below that of the baseline: a
    blurred model may be better in L1 alone, a sharp one in the distance alone. Where there are no
    intervals, nothing is said.
    """
    scores, baselines = (metrics or {}).get("test", {}), (metrics or {}).get("baselines", {})
    failures = [
        f"{name} ({', '.join(compared)})"
        for key, name in _BASELINES.items()
        if (compared := _compared(scores, baselines.get(key, {})))
    ]
    if not failures:
        return None
    return (
        f"no better on the test split than {' and '.join(failures)}: look at the pairs and at "
        "reports/panels, or train longer"
    )


def _compared(scores: Mapping[str, Any], baseline: Mapping[str, Any]) -> list[str]:
    """The scores of both in words, if the model is better in none of them; else nothing."""
    compared = []
    for key in filter(_decides, scores):
        own, other = interval_of(scores, key), interval_of(baseline, key)
        if own is None or other is None:
            continue
        if own[1] < other[0]:
            return []
        name = "L1" if key == "l1" else "Frechet distance"
        lower = " with intervals that overlap" if scores[key] < baseline[key] else ""
        compared.append(f"{name} {scores[key]:.4g} against {baseline[key]:.4g}{lower}")
    return compared


def _decides(key: str) -> bool:
    return is_score(key) and (key in ("l1", "fid") or key.startswith("frechet_"))


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
        markdown_table(
            head, [_cells(row, has_other=other is not None) for row in decision["rows"]]
        ),
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
