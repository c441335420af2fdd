"""Whether the data of a folder can judge its model."""

import dataclasses
from typing import Any

import pytest

from pipelines.registry.data_obstacle import has_failed
from pix2pix.config import DataConfig, Params
from tests.support.registered_project import checks


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
