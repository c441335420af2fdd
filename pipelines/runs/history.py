"""Records of epochs in JSON, which has no number for what is not finite: that is null there."""

import json
import math
from collections.abc import Iterable, Mapping

Record = Mapping[str, float]  # of an epoch


def as_json(record: Record) -> dict[str, float | None]:
    """A record as JSON can hold it."""
    return {name: value if math.isfinite(value) else None for name, value in record.items()}


def from_json(mapping: Mapping[str, float | None]) -> dict[str, float]:
    """A record as it was before `as_json`, but for infinities, which come back as NaN."""
    return {name: math.nan if value is None else value for name, value in mapping.items()}


def history_jsonl(history: Iterable[Record]) -> str:
    """One line per epoch."""
    return "".join(json.dumps(as_json(record), allow_nan=False) + "\n" for record in history)


def parse_history(text: str) -> tuple[dict[str, float], ...]:
    """The records of `history_jsonl`."""
    return tuple(from_json(json.loads(line)) for line in text.splitlines())
