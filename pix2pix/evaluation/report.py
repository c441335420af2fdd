"""The result of an evaluation as plain values: metrics.json and the per-image rows."""

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pix2pix.evaluation.protocol import Protocol
from pix2pix.evaluation.quality import Quality
from pix2pix.evaluation.scoring import SetScores, SplitScores

MODEL = "model"


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """Everything in metrics.json; `dev` has the dev scores by which the model was chosen."""

    test: SetScores
    baselines: Mapping[str, SetScores]
    dev: Mapping[str, Any]
    protocol: Protocol
    warnings: tuple[str, ...]


def make_report(
    scores: SplitScores,
    *,
    protocol: Protocol,
    dev: Mapping[str, Any],
    warnings: tuple[str, ...] = (),
) -> Report:
    """Return the report of the scores of the test split; the fakes "model" are the model's.

    `warnings` are added to those in `scores`. Raises ValueError if "model" was not
    scored.
    """
    if MODEL not in scores.scores:
        raise ValueError(f"no scores of {MODEL!r}, only of {list(scores.scores)}")
    return Report(
        test=scores.scores[MODEL],
        baselines={name: score for name, score in scores.scores.items() if name != MODEL},
        dev=dev,
        protocol=protocol,
        warnings=(*warnings, *scores.warnings),
    )


def report_json(report: Report) -> dict[str, Any]:
    """Return the mapping of metrics.json: {"test", "baselines", "dev", "protocol", "warnings"}.

    An interval becomes three keys, such as l1, l1_low and l1_high. Raises ValueError naming the key
    of a number that is not finite, because JSON has no such numbers.
    """
    mapping = {
        "test": _flat(report.test),
        "baselines": {name: _flat(scores) for name, scores in report.baselines.items()},
        "dev": dict(report.dev),
        "protocol": asdict(report.protocol),
        "warnings": list(report.warnings),
    }
    _check_finite(mapping, path="")
    return mapping


def per_image_csv(scores: SplitScores) -> str:
    """Return CSV text: the id and the scores of each pair, in the order of the split."""
    quality = scores.quality[MODEL]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["pair_id", *Quality._fields])
    for pair_id, *values in zip(scores.pair_ids, *quality, strict=True):
        writer.writerow([pair_id, *(f"{value:.6g}" for value in values)])
    return text.getvalue()


def _flat(scores: SetScores) -> dict[str, float]:
    """Return each interval as three keys, and num_images last."""
    flat: dict[str, float] = {}
    for name, interval in scores.metrics.items():
        flat[name] = interval.value
        if interval.low is not None and interval.high is not None:
            flat |= {f"{name}_low": interval.low, f"{name}_high": interval.high}
    return {**flat, "num_images": scores.num_images}


def _check_finite(value: object, *, path: str) -> None:
    if isinstance(value, Mapping):
        for key, part in value.items():
            _check_finite(part, path=f"{path}.{key}" if path else str(key))
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{path} is {value}, which metrics.json cannot hold")
