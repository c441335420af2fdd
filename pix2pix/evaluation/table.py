"""A report as a table for the console: model and baselines side by side, intervals underneath."""

import textwrap
from collections.abc import Mapping

from pix2pix.evaluation.extractors import INCEPTION
from pix2pix.evaluation.intervals import Interval
from pix2pix.evaluation.protocol import Protocol
from pix2pix.evaluation.report import MODEL, Report
from pix2pix.evaluation.scoring import SetScores, distance_names

MAX_WIDTH = 100


def format_table(report: Report) -> str:
    """Return text of at most 100 columns: metrics in rows, model and baselines in columns."""
    columns = {MODEL: report.test, **report.baselines}
    rows = [["", *(name.replace("_", " ") for name in columns)]]
    for label, metric in _labels(report.protocol.extractor).items():
        rows += _metric_rows(label, metric, columns)
    rows.append(["images", *(str(scores.num_images) for scores in columns.values())])
    return "\n".join([*_aligned(rows), "", *_notes(report)])


def _labels(extractor: str) -> dict[str, str]:
    """Return the metric names by label of their row; labels contain which direction is better."""
    frechet, kernel = distance_names(extractor)
    is_fid = extractor == INCEPTION
    return {
        "L1 (low)": "l1",
        "PSNR dB (high)": "psnr_db",
        "SSIM (high)": "ssim",
        ("FID (low)" if is_fid else "Frechet (low)"): frechet,
        ("KID (low)" if is_fid else "kernel (low)"): kernel,
    }


def _metric_rows(label: str, metric: str, columns: Mapping[str, SetScores]) -> list[list[str]]:
    """Return a row of values and one of intervals; none if the metric is absent everywhere."""
    cells = [scores.metrics.get(metric) for scores in columns.values()]
    if all(cell is None for cell in cells):
        return []
    values = [label, *("-" if cell is None else f"{cell.value:.4g}" for cell in cells)]
    intervals = ["", *(_interval(cell) for cell in cells)]
    return [values, intervals] if any(intervals) else [values]


def _interval(cell: Interval | None) -> str:
    if cell is None or cell.low is None or cell.high is None:
        return ""
    return f"{cell.low:.3g}..{cell.high:.3g}"


def _aligned(rows: list[list[str]]) -> list[str]:
    """Return the rows as lines, with cells padded to the width of their column."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _drawn(protocol: Protocol) -> str:
    if protocol.num_groups == protocol.num_images:
        return "images"
    return f"the {protocol.num_groups} groups of images"


def _notes(report: Report) -> list[str]:
    protocol = report.protocol
    what = "FID, KID" if protocol.extractor == INCEPTION else "Frechet, kernel (not FID, KID)"
    interval = f"{protocol.confidence:.0%} interval over {_drawn(protocol)}"
    notes = [
        f"(low), (high): which is better. Below: {interval}.",
        f"{what}: {protocol.extractor} features, weights {protocol.extractor_sha256[:12]}.",
        *(f"warning: {warning}" for warning in report.warnings),
    ]
    # Not at hyphens: a path or an option in two parts cannot be copied.
    wrapped = (textwrap.wrap(note, MAX_WIDTH, break_on_hyphens=False) for note in notes)
    return [line for lines in wrapped for line in lines]
