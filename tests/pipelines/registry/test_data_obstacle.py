"""Whether the data of a folder can judge its model."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from pipelines.json_files import write_json
from pipelines.paths import CHECKS_PATH
from pipelines.registry.data_obstacle import data_obstacle, has_failed
from pix2pix.config import DataConfig, Params, load_params
from tests.support.registered_project import change_card, checks, train


def test_only_checked_data_of_the_training_can_judge_its_model(workspace: Path) -> None:
    train(0)
    config = load_params().data
    assert data_obstacle(config) is None
    change_card(data_hash="e" * 64)
    assert data_obstacle(config) == (
        "models was trained on other data than data/prepared holds; run `dvc repro`"
    )
    write_json(CHECKS_PATH, checks(["a"]))
    assert data_obstacle(config) == f"the check of the data has failed, see {CHECKS_PATH}"


@pytest.mark.parametrize(
    ("report", "fails", "excludes"),
    [
        ({"offences": {}}, False, False),
        (checks(["a"]), True, False),
        (checks(["a"], []), True, True),
    ],
)
def test_excluded_pairs_are_no_failure_but_an_offence_of_the_whole_data_is(
    report: dict[str, Any], fails: bool, excludes: bool, default_params: Params
) -> None:
    def config(on_bad_pair: str) -> DataConfig:
        return dataclasses.replace(default_params.data, on_bad_pair=on_bad_pair)

    assert has_failed(report, config("fail")) is fails
    assert has_failed(report, config("exclude")) is excludes
