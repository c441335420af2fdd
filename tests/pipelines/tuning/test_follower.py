"""What is told of a study while Ray Tune runs it."""

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipelines.runs.folder import open_folder
from pipelines.tuning import follower as follower_module
from pipelines.tuning.follower import StudyFollower
from pipelines.tuning.results import TRIAL, read_trials
from pix2pix.config import Params
from tests.support.small_study import small_study

VALUES = {"train.learning_rate": 0.001, "train.lambda_l1": 10.0}


class RayTrial:
    """A trial of Ray Tune, of which no process could be started."""

    def __init__(self, folder: Path) -> None:
        self.config = {TRIAL: {"purpose": "search", "seed": 0, "values": VALUES}}
        self.error_file = str(folder / "error.txt")
        Path(self.error_file).write_text("Failure # 1\nno memory for the process\n")

    def __str__(self) -> str:
        return "trial_0002"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Any:
    """The console, and what MLflow would get."""
    sent: list[Any] = []
    monkeypatch.setattr(follower_module, "live_study", lambda *_args: sent.append)
    caplog.set_level(logging.INFO)
    return SimpleNamespace(console=caplog, sent=sent)


@pytest.fixture
def follower(small_params: Params, tmp_path: Path) -> StudyFollower:
    study = open_folder(str(tmp_path))
    return StudyFollower(small_study(small_params), study, SimpleNamespace())  # type: ignore[arg-type]


def test_a_trial_whose_process_never_started_is_a_failed_one(
    follower: StudyFollower, told: Any, tmp_path: Path
) -> None:
    """Ray Tune calls on_trial_error for it, and on_trial_start never."""
    follower.on_trial_error(trial=RayTrial(tmp_path))
    assert [(each.number, each.status, each.reason) for each in told.sent] == [
        (2, "running", None),
        (2, "failed", "no memory for the process"),
    ]
    assert told.sent[-1].values == VALUES
    assert "failed (no memory for the process)" in told.console.text


def test_a_trial_without_files_is_left_out_of_the_study(
    small_params: Params, tmp_path: Path
) -> None:
    study = open_folder(str(tmp_path))
    grid = [SimpleNamespace(path=(study / "trial_0002").path, filesystem=study.filesystem)]
    assert read_trials(grid, small_params) == []  # type: ignore[arg-type]


def test_a_study_that_waits_for_room_says_so_now_and_then(
    follower: StudyFollower, told: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    times_s = iter([0.0, 29.0, 31.0, 40.0, 62.0, 100.0, 200.0])
    monkeypatch.setattr(follower_module.time, "monotonic", lambda: next(times_s))
    monkeypatch.setattr(follower_module, "waiting_line", lambda: "there is no room")

    def num_lines() -> int:
        return told.console.text.count("no trial has begun yet")

    seen = []
    for _ in range(5):
        follower.on_step_end()
        seen.append(num_lines())
    assert seen == [0, 0, 1, 1, 2]
    assert "no trial has begun yet: there is no room" in told.console.text
    follower.on_trial_start(trial=RayTrial(tmp_path))
    follower.on_step_end()
    follower.on_step_end()
    assert num_lines() == 2
