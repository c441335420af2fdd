"""The progress bar of a stage: updated every few seconds, and never a reason to fail."""

from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx
import pytest

from pipelines.flows import progress
from pipelines.flows.progress import Progress


class _Logger:
    """Takes what the run's logger gets."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, text: str, *values: object) -> None:
        self.lines.append(text % values)

    warning = info


@pytest.fixture
def logger(monkeypatch: pytest.MonkeyPatch) -> _Logger:
    logger = _Logger()
    monkeypatch.setattr(progress, "get_run_logger", lambda: logger)
    return logger


def _lines(*steps: int) -> list[str]:
    return [f"INFO epoch 1/2, step {step}/10" for step in steps]


def test_the_share_is_shown_at_once_then_every_few_seconds_and_at_the_end(
    logger: _Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifact, shown = uuid4(), list[Any]()
    now_s = 0.0
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now_s))
    monkeypatch.setattr(
        progress,
        "create_progress_artifact",
        lambda percent, *, key, description: shown.append((key, percent)) or artifact,
    )
    monkeypatch.setattr(
        progress,
        "update_progress_artifact",
        lambda artifact_id, *, progress: shown.append((artifact_id, progress)),
    )
    say = Progress("train")
    lines = ["INFO no progress", *_lines(1, 2, 3), "INFO epoch 2/2: dev L1 0.1"]
    for now_s, line in zip((0.0, 1.0, 3.0, 6.0, 6.5), lines, strict=True):  # noqa: B007
        say(line)
    assert shown == [("train-progress", 5.0), (artifact, 15.0), (artifact, 100.0)]
    assert logger.lines == lines


def test_a_server_that_does_not_answer_is_asked_once(
    logger: _Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each attempt takes Prefect's client a minute, in which the output of the stage waits."""
    asked: list[float] = []

    def create(percent: float, **_: Any) -> None:
        asked.append(percent)
        raise httpx.ConnectError("no answer")

    monkeypatch.setattr(progress, "_EVERY_S", 0.0)
    monkeypatch.setattr(progress, "create_progress_artifact", create)
    monkeypatch.setattr(progress, "update_progress_artifact", create)
    say = Progress("train")
    lines = _lines(1, 2)
    for line in lines:
        say(line)
    assert asked == [5.0]
    failure = "progress is not shown any more: no answer"
    assert logger.lines == [lines[0], failure, lines[1]]
