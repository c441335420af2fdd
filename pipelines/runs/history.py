"""Records of epochs as JSON. JSON has no NaN and no infinity, so these become null."""

import json
import math
from collections.abc import Iterable, Mapping

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
