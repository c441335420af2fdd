"""The benchmark of all tasks: which there are, their table and their sheet."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.task_sheet import section, sheet
from benchmarks.tasks import TASKS, Task, task_params
from pipelines.repository.presets import preset_names, preset_params
from tests.support.project import ROOT


def test_every_task_is_trained_but_the_one_without_pictures() -> None:
    presets = {name for name in preset_names(ROOT) if name.startswith("tasks/")}
    trained = {f"tasks/{task.name}" for task in TASKS}
    assert presets - trained == {"tasks/day-to-night"}
    assert trained <= presets


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_what_the_preset_says_about_the_training_is_kept(task: Task) -> None:
    stated = preset_params(f"tasks/{task.name}", ROOT)
    params = task_params(task, Path("photos"))
    assert params.train.lambda_l1 == stated.train.lambda_l1
    assert params.data.recipe == stated.data.recipe
    assert params.model.norm == stated.model.norm
    assert params.model.residual == stated.model.residual
    latest = 3 * task.num_epochs // 4
    assert params.train.best_from_epoch == min(stated.train.best_from_epoch, latest)


def _scores(l1: float) -> dict[str, float]:
    keys = ("l1", "frechet_efficientnet_lite0")
    values = dict(zip(keys, (l1, 100 * l1), strict=True))
    return values | {f"{key}_{end}": values[key] for key in keys for end in ("low", "high")}


def test_the_table_has_the_scores_of_the_model_and_of_each_baseline() -> None:
    result = {
        "minutes": 2.4,
        "test": _scores(0.5),
        "baselines": {"mean_target": _scores(0.75)},
    }
    row = section({"colourise": result}).splitlines()[-1]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells == [
        "colourise",
        "2",
        "0.500 (0.500 to 0.500)",
        "0.750 (0.750 to 0.750)",
        "-",
        "50 (50 to 50)",
        "75 (75 to 75)",
        "-",
    ]


def test_the_sheet_has_two_tasks_in_a_row_and_a_blank_for_the_missing_one() -> None:
    rows = {name: np.full((10, 300, 3), grey, np.uint8) for grey, name in enumerate("abc")}
    drawn = sheet(rows)
    assert drawn.shape[1] == 2 * 300 + 12
    assert all((drawn == grey).all(axis=2).sum() >= 3000 for grey in range(3))
    assert (drawn[drawn.shape[0] // 2 + 12 :, 312:] == 255).all()
