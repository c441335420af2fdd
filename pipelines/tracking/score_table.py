"""The test scores of a model beside those of the baselines, as a table in Markdown."""

from collections.abc import Mapping

from pipelines.tracking.markdown_table import markdown_table
from pipelines.tracking.score_keys import is_score, score_text

_TEST = "test/"
_COLUMNS = {  # the prefix of the metrics, and the heading
    _TEST: "model",
    f"{_TEST}baseline_mean_target/": "mean target",
    f"{_TEST}baseline_identity/": "identity",
    f"{_TEST}baseline_real_vs_real/": "real vs real",
}


def score_table(scores: Mapping[str, float]) -> str:
    """Return a table with a row for each score, and a column for the model and each baseline.

    `scores` are metrics of a run: `test/<metric>`, the ends of its interval as `test/<metric>_low`
    and `_high`, and `test/baseline_<name>/<metric>`. Others are left out. Without test scores the
    table is the empty string.
    """
    columns = {
        prefix: heading
        for prefix, heading in _COLUMNS.items()
        if any(_metric_of(key, prefix) for key in scores)
    }
    metrics = [metric for key in scores if (metric := _metric_of(key, _TEST))]
    if not metrics:
        return ""
    rows = [
        [metric.replace("_", " "), *(score_text(scores, f"{prefix}{metric}") for prefix in columns)]
        for metric in metrics
    ]
    return markdown_table(["test", *columns.values()], rows)


def _metric_of(key: str, prefix: str) -> str | None:
    """Return the name of a score behind `prefix`; None if the key is none of these."""
    name = key.removeprefix(prefix)
    return None if name == key or "/" in name or not is_score(name) else name
