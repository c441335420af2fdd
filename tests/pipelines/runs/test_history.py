"""Records of epochs in JSON and CSV, also with scores that are NaN or infinite."""

import csv
import io
import json
import math
from pathlib import Path

from pipelines.runs.history import curves_csv, history_jsonl, parse_history
from pipelines.tracking.finished_run import read_history

HISTORY = [
    {"epoch": 0, "time_s": 1.5, "dev/l1": 0.5},
    {"epoch": 1, "time_s": 2.5, "dev/l1": math.nan, "dev/l1_published": -math.inf},
]


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def test_numbers_that_are_not_finite_are_null_in_the_file_and_nan_when_read(tmp_path: Path) -> None:
    text = history_jsonl(HISTORY)
    lines = [json.loads(line, parse_constant=_refuse) for line in text.splitlines()]
    assert lines[0] == HISTORY[0]
    assert (lines[1]["dev/l1"], lines[1]["dev/l1_published"]) == (None, None)
    (tmp_path / "history.jsonl").write_text(text)
    read = read_history(tmp_path / "history.jsonl")
    assert read[0] == HISTORY[0]
    assert (read[1]["epoch"], read[1]["time_s"]) == (1, 2.5)
    assert math.isnan(read[1]["dev/l1"])
    assert math.isnan(read[1]["dev/l1_published"])
    assert history_jsonl(parse_history(text)) == text


def test_cells_of_numbers_that_are_not_finite_are_empty_in_the_curves() -> None:
    rows = list(csv.DictReader(io.StringIO(curves_csv(HISTORY))))
    assert [row["dev/l1"] for row in rows] == ["0.5", ""]
    assert [row["dev/l1_published"] for row in rows] == ["", ""]
