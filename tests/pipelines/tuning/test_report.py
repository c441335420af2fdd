"""The files of a study, and the command that writes its best parameters into params.yaml."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.repository.params_file import apply_overrides_file
from pipelines.tuning.report import StudyResult, best_params_yaml, report_text, write_study
from pix2pix.config import Params, load_params
from pix2pix.tuning.seed_band import gain
from pix2pix.tuning.trials import Status, Trial
from tests.support.small_study import small_study
from tests.support.trials import make_trial


def _trial(number: int, l1: float, status: Status = "finished", **scores: float) -> Trial:
    return make_trial(
        number,
        {"epoch": 0, "time_s": 0.0, "dev/l1": 0.5},
        {"epoch": 1, "time_s": 1.0, "dev/l1": l1, **scores},
        values={"train.learning_rate": 0.00034 + number / 1e4, "train.lambda_l1": 10.0},
        status=status,
        reason="ASHA: behind" if status == "stopped" else None,
    )


def _study(*trials: Trial, **changes: Any) -> StudyResult:
    best = sorted(trials, key=lambda trial: trial.history[-1]["dev/l1"])[:1]
    about: dict[str, Any] = {
        "search": list(trials),
        "repeats": [],
        "front": best,
        "gain": None,
        "importance": {"train.learning_rate": 0.75, "train.lambda_l1": 0.25},
    }
    return StudyResult(**about | changes)


@pytest.fixture
def params(small_params: Params) -> Params:
    return small_study(small_params)


def test_the_files_say_what_was_found(params: Params, tmp_path: Path) -> None:
    study = _study(_trial(0, 0.3), _trial(1, 0.2), _trial(2, 0.1, "stopped"))
    files = write_study(tmp_path, _study(*study.search, front=[study.search[1]]), params)
    assert sorted(files) == [
        "tune/best_params.yaml",
        "tune/curves.png",
        "tune/report.txt",
        "tune/slices.png",
        "tune/study.json",
        "tune/trials.csv",
    ]
    rows = list(csv.DictReader(io.StringIO((tmp_path / "trials.csv").read_text())))
    assert [(row["status"], row["dev_l1"], row["best_so_far"]) for row in rows] == [
        ("finished", "0.3", "0.3"),
        ("finished", "0.2", "0.2"),
        ("stopped", "0.1", "0.2"),
    ]
    found = json.loads((tmp_path / "study.json").read_text())
    assert (found["best"], found["gain"], len(found["trials"])) == (1, None, 3)
    assert all(files[f"tune/{name}.png"].read_bytes()[:4] == b"\x89PNG" for name in ("slices",))
    text = (tmp_path / "report.txt").read_text()
    assert "3 trials judged on the dev split: 2 finished, 1 stopped, 0 failed" in text
    assert "best: trial 1, dev L1 0.2000" in text
    assert "not measured, tune.num_seeds is 0" in text


@pytest.mark.parametrize(
    ("winner", "said"),
    [
        ((0.10, 0.11), "better: dev L1 is lower by 0.1950"),
        ((0.25, 0.34), "no difference: 0.0050 is within the seed band"),
        ((0.50, 0.51), "worse: dev L1 is higher by 0.2050 (95 % interval 0.1415 to 0.2685, 2 s"),
    ],
)
def test_a_gain_is_called_one_only_outside_the_seed_band(
    params: Params, winner: tuple[float, ...], said: str
) -> None:
    study = _study(_trial(0, 0.3), gain=gain(default=(0.30, 0.30), winner=winner))
    assert f"gain over the untuned parameters: {said}" in report_text(study, params)


def test_a_pair_of_scores_has_a_front_and_no_sum_of_them(
    small_params: Params, tmp_path: Path
) -> None:
    params = small_study(small_params, objective="l1_and_frechet")
    trials = [_trial(0, 0.2, **{"dev/frechet": 40.0}), _trial(1, 0.3, **{"dev/frechet": 20.0})]
    files = write_study(tmp_path, _study(*trials, front=trials), params)
    text = (tmp_path / "report.txt").read_text()
    assert "trial 0: dev/l1 0.2000, dev/frechet 40.000" in text
    assert "trial 1: dev/l1 0.3000, dev/frechet 20.000" in text
    assert "Of trial 1" in files["tune/front/trial_0001.yaml"].read_text()


def test_applying_changes_the_found_values_and_keeps_comments_and_order(
    root: Path, tmp_path: Path
) -> None:
    before = (root / "params" / "default.yaml").read_text()
    (tmp_path / "params.yaml").write_text(before)
    (tmp_path / "best.yaml").write_text(best_params_yaml(_trial(0, 0.1)))
    changed = apply_overrides_file(tmp_path, tmp_path / "best.yaml")
    assert changed == {
        "train.learning_rate": ("0.0002", "0.00034"),
        "train.lambda_l1": ("100.0", "10.0"),
    }
    after = (tmp_path / "params.yaml").read_text().splitlines()
    lines = [
        (old.strip(), new.strip())
        for old, new in zip(before.splitlines(), after, strict=True)
        if old != new
    ]
    assert lines == [
        ("learning_rate: 0.0002", "learning_rate: 0.00034"),
        ("lambda_l1: 100.0", "lambda_l1: 10.0"),
    ]
    assert load_params(tmp_path / "params.yaml").train.learning_rate == 0.00034
    assert apply_overrides_file(tmp_path, tmp_path / "best.yaml") == {}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("train:\n  learning_rate: 7.0\n", "train.learning_rate: Input should be less than"),
        ("train:\n  learn: 0.1\n", "there is no key train.learn to override"),
    ],
)
def test_values_that_do_not_fit_are_refused_and_nothing_is_written(
    root: Path, tmp_path: Path, text: str, reason: str
) -> None:
    before = (root / "params" / "default.yaml").read_text()
    (tmp_path / "params.yaml").write_text(before)
    (tmp_path / "best.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"best\.yaml does not fit params\.yaml") as caught:
        apply_overrides_file(tmp_path, tmp_path / "best.yaml")
    assert reason in str(caught.value)
    assert (tmp_path / "params.yaml").read_text() == before
    with pytest.raises(ValueError, match=r"none\.yaml is missing"):
        apply_overrides_file(tmp_path, tmp_path / "none.yaml")
