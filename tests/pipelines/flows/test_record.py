"""What a flow run says about the decision of the stage `register`."""

from pathlib import Path
from typing import Any

import pytest

from pipelines.flows import record
from pipelines.flows.automations import CHAMPION_EVENT, TO_PROMOTE_EVENT
from pipelines.json_files import write_json
from pipelines.paths import REGISTER_PATH
from pipelines.processes.shell import Shell

ROWS = [{"metric": "dev/l1", "version": 0.1, "champion": 0.2}]


@pytest.mark.parametrize(
    ("outcome", "is_new", "event"),
    [
        ("promoted", True, CHAMPION_EVENT),
        ("promoted", False, None),  # by an earlier run, which has told it
        ("left to a person", True, TO_PROMOTE_EVENT),
        ("left to a person", False, None),
        ("not promoted", True, None),
        ("not compared", True, None),
    ],
)
def test_the_scores_are_shown_and_a_new_or_possible_champion_is_told_once(
    outcome: str, is_new: bool, event: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decision = {
        "outcome": outcome,
        "reason": "it is lower",
        "is_new": is_new,
        "compared_with": "2",
        "rows": ROWS,
    }
    write_json(tmp_path / REGISTER_PATH, {"model": "m", "version": "3", "decision": decision})
    shown: list[tuple[Any, str]] = []
    events: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(
        record, "show_scores", lambda rows, *, key, description: shown.append((rows, description))
    )
    monkeypatch.setattr(
        record, "emit_event", lambda name, resource, payload: events.append((name, payload))
    )
    record.show_decision(Shell(folder=tmp_path, environment={}, logs_dir=tmp_path))
    assert shown == [(ROWS, f"m version 3 against version 2, {outcome}: it is lower")]
    told = {"model": "m", "version": "3", "run_url": None, "summary": "it is lower"}
    assert events == ([] if event is None else [(event, told)])
