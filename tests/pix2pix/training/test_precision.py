"""Number formats and memory layouts against float32 and channels-first."""

import dataclasses

import pytest
import torch

from pix2pix.config import Params
from pix2pix.models import network_configs
from pix2pix.training import (
    new_state,
)
from tests.support.checked_step import checked_step
from tests.support.drawn_batches import drawn_pair, run_epochs, state_of, steady


@pytest.mark.parametrize("channels_last", [False, True])
def test_bfloat16_and_memory_layout_stay_close_to_float32(
    small_params: Params, channels_last: bool
) -> None:
    source, target, _ = drawn_pair(3)
    plain = checked_step(state_of(small_params), source, target, small_params.train)
    config = dataclasses.replace(
        small_params.train, precision="bfloat16", channels_last=channels_last
    )
    state = new_state(*network_configs(small_params), config=config)
    for loss, expected in zip(checked_step(state, source, target, config), plain, strict=True):
        assert loss.dtype == torch.float32
        assert loss.item() == pytest.approx(expected.item(), rel=0.02)


def test_channels_last_changes_the_layout_and_not_the_result(small_params: Params) -> None:
    config = dataclasses.replace(small_params.train, channels_last=True)
    state = new_state(*network_configs(small_params), config=config)
    weight = state.generator.down[1].conv.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    plain, last = state_of(small_params), state
    run_epochs(plain, small_params.train, epochs=2)
    run_epochs(last, config, epochs=2)
    for one, two in zip(plain.history, last.history, strict=True):
        assert steady(two) == pytest.approx(steady(one), rel=1e-3)
