import json
from pathlib import Path

import pytest

from pipelines.tracking.finished_run import read_finished_run
from tests.support.tracked_project import (
    HISTORY,
    ORIGIN,
    STARTED_S,
    write_picture,
)


@pytest.mark.parametrize(
    ("missing", "stage"),
    [("train.json", "train"), ("history.jsonl", "train"), ("metrics.json", "evaluate")],
)
def test_a_missing_file_is_named_with_the_stage_that_makes_it(
    project: Path, missing: str, stage: str
) -> None:
    (project / "reports" / missing).unlink()
    with pytest.raises(ValueError, match=rf"{missing} .*run `dvc repro {stage}` or `dvc pull`"):
        read_finished_run(project)


def test_the_origin_is_the_one_the_training_recorded(project: Path) -> None:
    assert read_finished_run(project).training.origin == ORIGIN


@pytest.mark.parametrize("origin", [{}, {"origin": None}, {"origin": {"commit": None}}])
def test_a_training_that_recorded_no_origin_is_named_with_the_way_out(
    project: Path, origin: dict[str, object]
) -> None:
    path = project / "reports" / "train.json"
    train = json.loads(path.read_text())
    del train["origin"]
    path.write_text(json.dumps(train | origin))
    with pytest.raises(ValueError, match=r"train\.json .*run `dvc repro -f -s train`"):
        read_finished_run(project)


def test_a_score_that_could_not_be_computed_is_left_out(project: Path) -> None:
    scores = read_finished_run(project).scores
    assert "test/fid" not in scores
    assert scores["test/l1"] == 0.1


def test_a_study_and_what_comes_after_are_no_reports_of_the_run(project: Path) -> None:
    before = read_finished_run(project)
    (project / "reports" / "tune").mkdir()
    write_picture(project / "reports" / "tune" / "curve.png", seed=0)
    (project / "reports" / "register.json").write_text("{}")
    for name in ("register.md", "new_data.json", "evaluation/metrics.json"):
        (project / "reports" / name).parent.mkdir(exist_ok=True)
        (project / "reports" / name).write_text("{}")
    (project / "reports" / ".gitignore").write_text("/samples")
    assert read_finished_run(project) == before
    (project / "reports" / "late.csv").write_text("x")
    assert read_finished_run(project).reports.keys() - before.reports.keys() == {"reports/late.csv"}


def test_an_interrupted_training_ends_with_its_last_epoch(project: Path) -> None:
    path = project / "reports" / "train.json"
    train = json.loads(path.read_text())
    assert read_finished_run(project).ended_s == STARTED_S + train["elapsed_s"]
    path.write_text(json.dumps(train | {"elapsed_s": 5.0}))  # of work, in a longer time
    assert read_finished_run(project).ended_s == HISTORY[-1]["time_s"]
