"""What the loop trains, logs and shows."""

import copy
import dataclasses
import math
from collections.abc import Iterator

import pytest
import torch

from pix2pix.config import Params
from pix2pix.training import EpochResult, NonFiniteLossError, fit
from pix2pix.training.losses import l1_loss
from pix2pix.valid_pixels import Pairs
from tests.support.checked_step import checked_step
from tests.support.drawn_batches import (
    DEV,
    DrawnBatches,
    assert_equal_states,
    drawn_pair,
    run_epochs,
    state_of,
    steady,
)


def test_results_count_finished_epochs_and_start_with_the_untrained_generator(
    small_params: Params,
) -> None:
    state = state_of(small_params)
    untrained = copy.deepcopy(state.generator.state_dict())
    results = fit(state, DrawnBatches(), small_params.train, dev=DEV)
    first = next(results)
    assert (first.epoch, first.is_best, first.is_last) == (0, False, False)
    assert all(torch.equal(untrained[k], v) for k, v in state.generator.state_dict().items())
    assert set(first.metrics) == {"dev/l1", "dev/l1_published", "dev/l1_deterministic"}
    rest = list(results)
    assert [result.epoch for result in rest] == [1, 2, 3]
    assert [result.is_last for result in rest] == [False, False, True]
    assert state.step == 6
    assert [record["step"] for record in state.history] == [0, 2, 4, 6]


def test_dev_l1_is_that_of_the_better_mode_in_the_unit_range(small_params: Params) -> None:
    state = state_of(small_params)
    with torch.no_grad():
        for parameter in state.generator.parameters():
            parameter.zero_()
    metrics = run_epochs(state, small_params.train, epochs=1)[0].metrics
    expected = sum((target.abs() / 2).mean().item() for _, target, _ in DEV.batches) / 2
    for name in ("dev/l1", "dev/l1_published", "dev/l1_deterministic"):
        assert metrics[name] == pytest.approx(expected, rel=1e-6)


def test_a_run_repeats_bit_for_bit(small_params: Params) -> None:
    first, second = state_of(small_params), state_of(small_params)
    one, two = run_epochs(first, small_params.train), run_epochs(second, small_params.train)
    assert [steady(r.metrics) for r in one] == [steady(r.metrics) for r in two]
    assert_equal_states(first, second)


def test_there_are_samples_of_epoch_0_of_due_epochs_and_of_the_last_one(
    small_params: Params,
) -> None:
    config = dataclasses.replace(small_params.train, sample_every_epochs=2)
    results = run_epochs(state_of(small_params), config)
    assert [r.epoch for r in results if r.samples is not None] == [0, 2, 3]
    assert all(
        [fake.shape for fake in r.samples] == [(3, 32, 32)] * 2
        for r in results
        if r.samples is not None
    )


def test_logged_terms_are_unweighted_and_their_weighted_sum_is_the_loss(
    small_params: Params,
) -> None:
    config = dataclasses.replace(small_params.train, lambda_l1=7.0, lambda_adversarial=2.0)
    metrics = run_epochs(state_of(small_params), config)[1].metrics
    assert metrics["train/l1"] == metrics["train/loss_g_l1"] / 2
    weighted = 2.0 * metrics["train/loss_g_adversarial"] + 7.0 * metrics["train/loss_g_l1"]
    assert metrics["train/loss_g"] == pytest.approx(weighted, rel=1e-9)
    halved = 0.5 * (metrics["train/loss_d_real"] + metrics["train/loss_d_fake"])
    assert metrics["train/loss_d"] == pytest.approx(halved, rel=1e-9)


class _SameBatches(DrawnBatches):
    """The batches of epoch 0, in each epoch."""

    def __call__(self, epoch: int, start_step: int) -> Iterator[Pairs]:
        return super().__call__(0, start_step)


def test_the_losses_of_an_epoch_are_the_means_over_its_own_steps(small_params: Params) -> None:
    """With a learning rate of next to nothing, so that those of all epochs are equal."""
    params = dataclasses.replace(
        small_params,
        model=dataclasses.replace(small_params.model, dropout=0.0),
        train=dataclasses.replace(small_params.train, learning_rate=1e-12),
    )
    state = state_of(params)
    pairs = [drawn_pair(index) for index in range(_SameBatches.num_batches)]
    losses = [l1_loss(state.generator(source), target).item() for source, target, _ in pairs]
    events = list(fit(state, _SameBatches(), params.train, dev=DEV))
    expected = pytest.approx(sum(losses) / len(losses), rel=1e-4)
    assert [event.metrics["train/loss_g_l1"] for event in events[1:]] == [expected] * 3


@pytest.mark.parametrize("poisoned", ["source", "target"])
def test_a_non_finite_loss_stops_before_the_update_and_names_the_terms(
    small_params: Params, poisoned: str
) -> None:
    state = state_of(small_params)
    source, target, _ = drawn_pair(0)
    checked_step(state, source, target, small_params.train)
    (source if poisoned == "source" else target)[0, 0, 0, 0] = math.nan
    before = copy.deepcopy(state.state_dict())
    with pytest.raises(NonFiniteLossError, match="discriminator_real nan") as caught:
        checked_step(state, source, target, small_params.train)
    assert math.isnan(caught.value.terms["discriminator_real"])
    after = state.state_dict()
    for network in ("generator", "discriminator"):
        for key, parameter in dict(getattr(state, network).named_parameters()).items():
            assert torch.equal(before[network][key], parameter), key
    assert after["step"] == before["step"]


def test_both_optimisers_get_the_falling_learning_rate(small_params: Params) -> None:
    config = dataclasses.replace(
        small_params.train, num_epochs=1, num_decay_epochs=2, learning_rate=0.003
    )
    state = state_of(dataclasses.replace(small_params, train=config))
    optimizers = (state.generator_optimizer, state.discriminator_optimizer)
    rates = [
        [float(group["lr"]) for optimizer in optimizers for group in optimizer.param_groups]
        for result in fit(state, DrawnBatches(), config, dev=DEV)
        if isinstance(result, EpochResult) and result.epoch > 0
    ]
    assert rates == [pytest.approx([rate, rate]) for rate in (0.003, 0.002, 0.001)]


def test_one_batch_can_be_memorised(small_params: Params) -> None:
    """L1 falls below a third of its first value within 60 steps."""
    params = dataclasses.replace(
        small_params,
        model=dataclasses.replace(small_params.model, base_channels=16, dropout=0.0),
        train=dataclasses.replace(small_params.train, learning_rate=2e-3),
    )
    state = state_of(params)
    grid = torch.linspace(-0.8, 0.8, 32)
    source = torch.stack([grid.expand(32, 32), grid.expand(32, 32).T, torch.zeros(32, 32)])[None]
    target = source.flip(1)
    losses = [checked_step(state, source, target, params.train).l1.item() for _ in range(60)]
    assert losses[-1] < losses[0] / 3
