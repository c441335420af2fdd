"""Records of epochs as text. JSON has no NaN and no infinity, so these become null."""

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence

Record = Mapping[str, float]  # of an epoch


def as_json(record: Record) -> dict[str, float | None]:
    """Return a record with None in place of numbers that are not finite."""
    return {name: value if math.isfinite(value) else None for name, value in record.items()}


def from_json(mapping: Mapping[str, float | None]) -> dict[str, float]:
    """Return the record that `as_json` was given; infinities come back as NaN."""
    return {name: math.nan if value is None else value for name, value in mapping.items()}


def history_jsonl(history: Iterable[Record]) -> str:
    """Return the records as text, one line per epoch."""
    return "".join(json.dumps(as_json(record), allow_nan=False) + "\n" for record in history)


def parse_history(text: str) -> tuple[dict[str, float], ...]:
    """Return the records of `history_jsonl`."""
    return tuple(from_json(json.loads(line)) for line in text.splitlines())


def curves_csv(history: Sequence[Record]) -> str:
    """CSV text with one row per epoch and one column per metric.

    A metric that an epoch lacks, or that is not finite, is an empty cell.
    """
    columns = ["epoch", *sorted({name for record in history for name in record if "/" in name})]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(as_json(record) for record in history)
    return text.getvalue()
