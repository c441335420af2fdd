"""Parameters that are valid, and do not do what a person may expect."""

import dataclasses
from typing import Any

import pytest

from pipelines.repository.presets import preset_names, preset_params
from pix2pix.config import Params, cautions
from pix2pix.models import UNetGenerator, network_configs
from tests.support.project import ROOT


@pytest.mark.parametrize("name", preset_names(ROOT))
def test_no_preset_needs_a_caution(name: str) -> None:
    assert cautions(preset_params(name, ROOT)) == []


@pytest.mark.parametrize(
    ("size", "model"),
    [
        (96, {}),
        (96, {"dropout": 0.0}),
        (96, {"dropout_layout": "torch"}),
        (64, {}),
        ((480, 640), {}),
        (128, {"depth": 5}),
    ],
)
def test_dropout_that_no_level_has_is_said(
    default_params: Params, size: Any, model: dict[str, Any]
) -> None:
    params = dataclasses.replace(
        default_params,
        data=dataclasses.replace(default_params.data, image_size=size, load_size=size),
        model=dataclasses.replace(default_params.model, **{"base_channels": 1, **model}),
    )
    generator = UNetGenerator(network_configs(params)[0])
    has_dropout = any("Dropout" in type(each).__name__ for each in generator.modules())
    is_silent = has_dropout or params.model.dropout == 0
    said = cautions(params)
    assert len(said) == (0 if is_silent else 1)
    assert is_silent or "model.dropout: 0.5 has no effect: a generator of depth 5" in said[0]


@pytest.mark.parametrize(
    ("norm", "num_parts", "is_said"),
    [("batch", 2, True), ("batch", 1, False), ("instance", 2, False), ("none", 2, False)],
)
def test_batch_norm_of_parts_is_said_to_be_another_training(
    default_params: Params, norm: Any, num_parts: int, is_said: bool
) -> None:
    params = dataclasses.replace(
        default_params,
        model=dataclasses.replace(default_params.model, norm=norm),
        train=dataclasses.replace(default_params.train, batch_size=4, num_microbatches=num_parts),
    )
    assert ["num_microbatches: 2 is another training" in each for each in cautions(params)] == (
        [True] if is_said else []
    )
