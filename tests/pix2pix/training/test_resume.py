"""A training that is stopped and continued ends as one that is not."""

import copy
import dataclasses

import pytest
import torch

from pix2pix.config import Params
from pix2pix.models import network_configs
from pix2pix.training import (
    Request,
    SavePoint,
    fit,
    new_state,
)
from tests.support.drawn_batches import (
    DEV,
    DrawnBatches,
    assert_equal_states,
    run_epochs,
    state_of,
    steady,
    stop_at,
)


@pytest.mark.parametrize("stop_after", [1, 2, 3])
def test_a_run_that_was_stopped_and_continued_equals_one_that_was_not(
    small_params: Params, stop_after: int
) -> None:
    """Dropout is on: its masks depend on the step, and not on earlier random numbers."""
    assert small_params.model.dropout > 0
    config = dataclasses.replace(
        small_params, model=dataclasses.replace(small_params.model, depth=5, dropout_layout="torch")
    )
    undisturbed = state_of(config)
    run_epochs(undisturbed, config.train)
    stopped = state_of(config)
    run_epochs(stopped, config.train, epochs=stop_after)
    saved = copy.deepcopy(stopped.state_dict())
    torch.manual_seed(12345)
    resumed = state_of(config)
    resumed.load_state_dict(saved)
    run_epochs(resumed, config.train)
    assert [steady(r) for r in resumed.history] == [steady(r) for r in undisturbed.history]
    assert_equal_states(resumed, undisturbed)


def test_a_loaded_state_continues_with_the_betas_and_the_rate_of_the_new_training(
    small_params: Params,
) -> None:
    """A trial of a population copies the moments of another one, but not its parameters."""
    before = state_of(small_params)
    run_epochs(before, small_params.train, epochs=2)
    changed = dataclasses.replace(
        small_params,
        train=dataclasses.replace(small_params.train, learning_rate=1e-5, beta1=0.9, beta2=0.99),
    )
    after = state_of(changed)
    after.load_state_dict(copy.deepcopy(before.state_dict()))
    run_epochs(after, changed.train, epochs=1)
    for optimizer in (after.generator_optimizer, after.discriminator_optimizer):
        (group,) = optimizer.param_groups
        assert (group["lr"], group["betas"]) == (1e-5, (0.9, 0.99))


@pytest.mark.parametrize("steps", range(1, 7))
def test_a_run_that_was_stopped_within_an_epoch_and_continued_equals_one_that_was_not(
    small_params: Params, steps: int
) -> None:
    undisturbed = state_of(small_params)
    run_epochs(undisturbed, small_params.train)
    stopped = state_of(small_params)
    *_, last = fit(stopped, DrawnBatches(), small_params.train, dev=DEV, on_step=stop_at(steps))
    assert last == SavePoint(step=steps, is_stop=True)
    saved = copy.deepcopy(stopped.state_dict())
    resumed = state_of(small_params)
    resumed.load_state_dict(saved)
    run_epochs(resumed, small_params.train)
    assert [steady(r) for r in resumed.history] == [steady(r) for r in undisturbed.history]
    assert_equal_states(resumed, undisturbed)


def test_save_points_come_every_so_many_steps_but_not_at_the_end_of_an_epoch(
    small_params: Params,
) -> None:
    batches = DrawnBatches()
    batches.num_batches = 4
    config = dataclasses.replace(small_params.train, checkpoint_every_steps=2)
    moments = list(fit(state_of(small_params), batches, config, dev=DEV))
    steps = [m.step for m in moments if isinstance(m, SavePoint)]
    assert steps == [2, 6, 10]
    assert not any(m.is_stop for m in moments if isinstance(m, SavePoint))


def test_a_request_to_save_only_adds_a_save_point(small_params: Params) -> None:
    plain, saved = state_of(small_params), state_of(small_params)
    run_epochs(plain, small_params.train)
    moments = list(
        fit(saved, DrawnBatches(), small_params.train, dev=DEV, on_step=lambda _: Request.SAVE)
    )
    assert [m.step for m in moments if isinstance(m, SavePoint)] == [*range(1, 7)]
    assert_equal_states(saved, plain)


def test_a_state_of_another_seed_is_refused(small_params: Params) -> None:
    other = dataclasses.replace(small_params.train, seed=7)
    state = new_state(*network_configs(small_params), config=other)
    with pytest.raises(ValueError, match="trained with seed 0, not 7"):
        state.load_state_dict(state_of(small_params).state_dict())
