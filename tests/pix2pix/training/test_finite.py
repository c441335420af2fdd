"""Losses and gradients that are not finite are found without a wait, and change nothing."""

import copy
import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from pix2pix.config import Params, TrainConfig
from pix2pix.training import (
    DevSet,
    NonFiniteLossError,
    TrainState,
    fit,
    train_step,
)
from pix2pix.training.finite import spoiled_if_not_finite, step_if_finite
from pix2pix.training.late_check import Before, LateCheck
from pix2pix.valid_pixels import Pairs
from tests.support.checked_step import checked_step
from tests.support.drawn_batches import state_of

NUM_BATCHES, BAD = 4, 2  # steps of an epoch, and the one with a loss that is not finite


def _pairs(step: int) -> Pairs:
    source = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(step)) * 2 - 1
    return Pairs(source, -source.flip(1), None)


class _Batches:
    """An epoch in which the target of one batch is poisoned, as often as it is read."""

    num_batches = NUM_BATCHES

    def __init__(self, poison: float | None = None) -> None:
        self.poison = poison
        self.num_read = 0

    def __call__(self, epoch: int, start_step: int) -> Iterator[Pairs]:
        for step in range(start_step, NUM_BATCHES):
            pairs = _pairs(NUM_BATCHES * epoch + step)
            if self.poison is not None and (epoch, step) == (0, BAD):
                pairs.target[0, 0, 0, 0] = self.poison
            self.num_read += 1
            yield pairs


def _values(state: TrainState) -> dict[str, Any]:
    """A copy of all that is saved of a state, by dotted name."""
    found: dict[str, Any] = {}

    def add(name: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, each in value.items():
                add(f"{name}.{key}", each)
        else:
            found[name] = copy.deepcopy(value)

    add("state", state.state_dict())
    return found


def _assert_equal(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if isinstance(value, Tensor):
            assert torch.equal(found[name], value), name
        else:
            assert found[name] == value, name


def _step_with_checks_before_updates(
    state: TrainState, config: TrainConfig, *, source: Tensor, target: Tensor
) -> None:
    """A step that looks at each loss before the update, and raises ValueError if it is not finite.

    Only the networks' own arithmetic is the same: losses and updates are written by hand.
    """
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    fake = state.generator(source)
    state.discriminator_optimizer.zero_grad()
    on_fake = state.discriminator(torch.cat([source, fake.detach()], dim=1))
    on_real = state.discriminator(torch.cat([source, target], dim=1))
    real, false = torch.ones_like(on_real), torch.zeros_like(on_fake)
    loss = 0.5 * (bce(on_real, real) + bce(on_fake, false))
    if not math.isfinite(loss.item()):
        raise ValueError
    loss.backward()
    state.discriminator_optimizer.step()
    state.generator_optimizer.zero_grad()
    state.discriminator.requires_grad_(False)
    logits = state.discriminator(torch.cat([source, fake], dim=1))
    state.discriminator.requires_grad_(True)
    total = config.lambda_adversarial * bce(logits, torch.ones_like(logits))
    total = total + config.lambda_l1 * torch.nn.functional.l1_loss(fake, target)
    if not math.isfinite(total.item()):
        raise ValueError
    total.backward()
    state.generator_optimizer.step()


@pytest.mark.parametrize("lambda_l1", [100.0, 1e38])  # with 1e38 only the generator's loss is inf
def test_a_skipped_update_leaves_the_bits_of_a_step_that_raises_before_the_update(
    small_params: Params, lambda_l1: float
) -> None:
    """Weights and moments of both networks, after good steps, a bad one, and another good one."""
    state, raising = state_of(small_params), state_of(small_params)
    bad = dataclasses.replace(small_params.train, lambda_l1=lambda_l1)
    poison = math.nan if lambda_l1 == 100.0 else 10.0
    num_raised = 0
    for step, config in enumerate([small_params.train, bad, small_params.train]):
        source, target, _ = _pairs(step)
        if config is bad:
            target = torch.full_like(target, poison)
        torch.manual_seed(step)
        try:
            checked_step(state, source, target, config)
        except NonFiniteLossError:
            num_raised += 1
        torch.manual_seed(step)
        try:
            _step_with_checks_before_updates(raising, config, source=source, target=target)
        except ValueError:
            num_raised += 1
    assert num_raised == 2
    found, expected = _values(state), _values(raising)
    names = [name for name in expected if "_optimizer.state" in name or name.endswith("weight")]
    assert len(names) > 50
    _assert_equal({n: found[n] for n in names}, {n: expected[n] for n in names})


@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_the_error_is_raised_a_step_later_and_the_state_is_that_before_the_bad_step(
    small_params: Params, poison: float
) -> None:
    """Weights, moments, statistics of batch norm, sums of losses and position, bit for bit."""
    config = dataclasses.replace(small_params.train, checkpoint_every_steps=BAD)
    dev = DevSet([_pairs(99)], [])
    good, bad = _Batches(), _Batches(poison)
    state, poisoned = state_of(small_params), state_of(small_params)
    undisturbed = fit(state, good, config, dev=dev)
    events = fit(poisoned, bad, config, dev=dev)
    for _ in range(2):  # the untrained networks, and the save point before the bad step
        next(undisturbed)
        next(events)
    with pytest.raises(NonFiniteLossError, match=f"step {BAD} ") as caught:
        next(events)
    assert bad.num_read == BAD + 2  # the step after the bad one had been started
    assert not caught.value.batch.target.isfinite().all()
    found, expected = _values(poisoned), _values(state)
    for values in (found, expected):
        del values["state.history"]  # has times
    _assert_equal(found, expected)
    assert poisoned.skipped == 0


def test_the_last_step_of_an_epoch_is_checked_before_the_networks_are_scored(
    small_params: Params,
) -> None:
    state = state_of(small_params)
    events = fit(state, _EndsBadly(), small_params.train, dev=DevSet([_pairs(99)], []))
    next(events)
    with pytest.raises(NonFiniteLossError, match=f"step {NUM_BATCHES - 1} "):
        next(events)
    assert (state.epoch, state.batch) == (0, NUM_BATCHES - 1)


class _EndsBadly(_Batches):
    def __call__(self, epoch: int, start_step: int) -> Iterator[Pairs]:
        *others, last = super().__call__(epoch, start_step)
        yield from others
        last.target[0, 0, 0, 0] = math.nan
        yield last


@pytest.mark.parametrize("network", ["generator", "discriminator"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_gradient_that_is_not_finite_masks_the_update_although_the_loss_is_finite(
    small_params: Params, network: str, value: float
) -> None:
    state = state_of(small_params)
    source, target, _ = _pairs(0)
    checked_step(state, source, target, small_params.train)
    before = _values(state)
    parameter = list(getattr(state, network).parameters())[3]

    def poisoned(gradient: Tensor) -> Tensor:
        gradient = gradient.clone()
        gradient.flatten()[-1] = value
        return gradient

    hook = parameter.register_hook(poisoned)
    with pytest.raises(NonFiniteLossError, match="non-finite gradient in step 1 ") as caught:
        checked_step(state, source, target, small_params.train)
    hook.remove()
    assert caught.value.is_here
    assert caught.value.in_gradient
    assert all(map(math.isfinite, caught.value.terms.values()))
    names = [name for name in before if name.startswith((f"state.{network}", "state.ranks"))]
    after = _values(state)
    _assert_equal({n: after[n] for n in names}, {n: before[n] for n in names})


def test_a_loss_of_the_generator_alone_is_told_as_its_own(small_params: Params) -> None:
    """The update of the discriminator, just before, was made."""
    config = dataclasses.replace(small_params.train, lambda_l1=1e38)
    source, target, _ = _pairs(0)
    step = train_step(state_of(small_params), source, torch.full_like(target, 10.0), config)
    assert step.report.values[-2:].tolist() == [0, 1]
    with pytest.raises(NonFiniteLossError, match=r"non-finite loss in step 5 \(") as caught:
        step.report.check(5, torch.device("cpu"))
    assert set(caught.value.terms) == {"adversarial", "l1", "weighted_sum"}
    assert not caught.value.in_gradient


def test_no_update_is_made_until_the_report_of_a_skipped_step_is_read(
    small_params: Params,
) -> None:
    state = state_of(small_params)
    check, before = LateCheck(state), Before.of(state)
    source, target, _ = _pairs(0)
    start = _values(state)
    first = train_step(state, source, torch.full_like(target, math.nan), small_params.train)
    check.add(before, "first", first.report)
    second = train_step(state, source, target, small_params.train)
    assert torch.stack(second.losses).isfinite().all()
    assert second.report.values[-2:].tolist() == [1, 1]
    with pytest.raises(NonFiniteLossError) as caught:
        check.add(Before.of(state), "second", second.report)
    assert caught.value.batch == "first"
    weights = {name: value for name, value in start.items() if "optimizer" not in name}
    _assert_equal({name: _values(state)[name] for name in weights}, weights)
    check.settle()  # nothing is left
    checked_step(state, source, target, small_params.train)
    assert not torch.equal(
        _values(state)["state.generator.down.0.conv.weight"],
        start["state.generator.down.0.conv.weight"],
    )


@pytest.mark.parametrize(
    "term", [0.0, -1.0, 3.0e38, math.inf, -math.inf, math.nan], ids=lambda value: f"{value:g}"
)
def test_a_loss_keeps_its_bits_and_gradient_unless_a_term_is_not_finite(term: float) -> None:
    inputs = torch.tensor([0.1, 0.7], requires_grad=True)
    spoiled_if_not_finite(inputs.prod(), [torch.tensor(1.0), torch.tensor(term)]).backward()
    assert inputs.grad is not None
    if math.isfinite(term):
        assert inputs.grad.tolist() == inputs.detach().flip(0).tolist()
    else:
        assert inputs.grad.isnan().all()


def test_a_skipped_step_of_adam_changes_neither_moments_nor_their_count() -> None:
    network = torch.nn.Linear(2, 2)
    adam = torch.optim.Adam(network.parameters(), fused=True)
    for gradient in (1.0, math.nan, 2.0):
        skipped = torch.zeros(())
        for parameter in network.parameters():
            parameter.grad = torch.full_like(parameter, gradient)
        found = step_if_finite(adam, network, skipped).item()
        assert found == skipped.item() == math.isnan(gradient)
    for moments in adam.state.values():
        assert moments["step"] == 2
        torch.testing.assert_close(moments["exp_avg"], torch.full_like(moments["exp_avg"], 0.29))
