"""A run's name says its data set and what differs from the nearest preset, in few words."""

import copy
import dataclasses
from typing import Any

import pytest

from pipelines.repository.presets import preset_mappings
from pipelines.tracking.run_name import run_name
from pix2pix.config import Params
from tests.support.project import ROOT


def _name(params: Params, **changes: Any) -> str:
    mapping = copy.deepcopy(dataclasses.asdict(params))
    for key, value in changes.items():
        section, _, name = key.partition("__")
        mapping[section][name] = value
    return run_name(mapping, preset_mappings(ROOT))


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "facades-drawn"),
        (
            {"train__seed": 2, "train__learning_rate": 3e-4},
            "facades-drawn lr 3e-4 seed 2",
        ),
        ({"train__lambda_l1": 10.0, "data__name": "maps"}, "maps lambda 10"),
        ({"train__num_epochs": 50, "train__num_decay_epochs": 25}, "facades-drawn epochs 50+25"),
        ({"data__image_size": (256, 512)}, "facades-drawn size 256x512"),
        ({"data__direction": "BtoA", "model__norm": "none"}, "facades-drawn BtoA norm none"),
        ({"train__init_from": "models:/pix2pix-maps/3"}, "facades-drawn from pix2pix-maps/3"),
        ({"train__channels_last": True}, "facades-drawn channels last on"),
        # Where a training runs, and of which folder, is no difference.
        ({"train__num_workers": 4, "data__source": "folder", "data__path": "x"}, "facades-drawn"),
    ],
)
def test_a_name_says_what_differs(
    default_params: Params, changes: dict[str, Any], name: str
) -> None:
    assert _name(default_params, **changes) == name


def test_the_nearest_preset_is_named_unless_the_data_set_says_so() -> None:
    presets = preset_mappings(ROOT)
    assert run_name(presets["smoke"], presets) == "smoke-drawn"
    assert run_name(presets["reference"], presets) == "facades reference"


def test_a_task_is_compared_with_only_if_the_data_set_has_its_name(default_params: Params) -> None:
    """The preset of a task differs in little, and its name would say what the data show."""
    presets = preset_mappings(ROOT)
    epochs = {"train__num_epochs": 30, "train__num_decay_epochs": 30}  # those of labels-to-photo
    assert _name(default_params, data__name="cats", **epochs) == "cats epochs 30+30"
    colourise = copy.deepcopy(presets["tasks/colourise"])
    colourise["data"]["name"] = "colourise-photos"
    colourise["train"]["seed"] = 2
    assert run_name(colourise, presets) == "colourise-photos seed 2"


def test_of_presets_that_are_as_near_the_default_is_taken(default_params: Params) -> None:
    """It is not named, so a name of another one would say that something differs."""
    mapping = dataclasses.asdict(default_params)
    assert run_name(mapping, {"alike": mapping, "default": mapping}) == "facades-drawn"


def test_a_name_stays_short_counts_what_it_leaves_out_and_keeps_the_seed(
    default_params: Params,
) -> None:
    augment = {f"augment__{key}": 0.125 for key in dataclasses.asdict(default_params.augment)}
    name = _name(default_params, train__learning_rate=3e-4, train__seed=2, **augment)
    assert name.startswith("facades-drawn lr 3e-4 ")
    assert name.endswith(" seed 2")
    shown = name.count(" 0.125")
    assert f" +{len(augment) - shown} " in name
    assert len(name) < 90
