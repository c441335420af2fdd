"""The lineage in words: which parameters it names."""

import copy
import dataclasses
from typing import Any

import pytest

from pipelines.registry.lineage import Lineage
from pipelines.registry.provenance_text import lineage_topics
from pix2pix.config import Params
from tests.support.tracked_project import train_record


def _parameters(params: dict[str, Any], defaults: Params) -> list[str]:
    """What is said of a training with these parameters."""
    training = dataclasses.replace(train_record(defaults), params=params)
    lineage = Lineage(format=1, training=training, outputs={}, weights={}, scores={})
    return [line for topic, line in lineage_topics(lineage, defaults) if topic == "parameters"]


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("train.lambda_l1", 50.0, "train.lambda_l1: 50.0"),
        ("train.num_workers", [1, 2], "train.num_workers: [1, 2]"),  # the order of sums
        ("data.side_a.channels", 1, "data.side_a.channels: 1"),
        ("data.group", "x(.)", None),  # of folders, and the pairs are drawn
        ("data.name", "mine", None),
        ("train.storage_path", "s3://b/f", None),
        ("train.max_failures", 9, None),
        ("train.loader_workers", 9, None),
        ("evaluate.num_bootstrap", 101, None),
        ("tune.num_trials", 99, None),
        ("register.promote", "by_hand", None),
    ],
)
def test_parameters_that_could_have_changed_the_result_are_named(
    default_params: Params, key: str, value: object, line: str | None
) -> None:
    params = copy.deepcopy(dataclasses.asdict(default_params))
    *sections, name = key.split(".")
    section = params
    for each in sections:
        section = section[each]
    assert name in section
    section[name] = value
    assert _parameters(params, default_params) == [line or "those of params/default.yaml"]


def test_a_parameter_that_is_null_in_place_of_a_usual_value_is_named(
    default_params: Params,
) -> None:
    params = copy.deepcopy(dataclasses.asdict(default_params))
    usual = dataclasses.replace(
        default_params, train=dataclasses.replace(default_params.train, early_stopping_epochs=3)
    )
    params["train"]["early_stopping_epochs"] = None
    assert _parameters(params, usual) == ["train.early_stopping_epochs: null"]
