"""Steps that are replayed, with a recorder that computes on a CPU in place of a CUDA graph."""

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import pix2pix.training.replay
from pix2pix.config import Params
from pix2pix.training import Step, TrainState, train_step
from pix2pix.training.replay import Recording, ReplayedSteps, step_maker
from pix2pix.training.schedule import set_learning_rate
from pix2pix.training.seeding import seed_step
from tests.support.drawn_batches import state_of

NUM_FIRST_STEPS = 3


class _Recorder:
    """Does with a step what a CUDA graph does: recording changes nothing, a replay computes it.

    A graph reads its inputs, and writes its results, where they were when it was recorded.
    """

    def __init__(self, state: TrainState) -> None:
        self._state = state
        self.num_run = self.num_recorded = self.num_replayed = 0

    def run(self, step: Callable[[], Step]) -> Step:
        self.num_run += 1
        return step()

    def record(self, step: Callable[[], Step]) -> Recording:
        self.num_recorded += 1
        before = [copy.deepcopy(each) for each in _tensors(self._state)]
        with torch.random.fork_rng(devices=[]):
            made = step()
        for tensor, value in zip(_tensors(self._state), before, strict=True):
            tensor.data.copy_(value.data)

        def replay() -> None:
            self.num_replayed += 1
            number = self._state.step
            anew = step()
            self._state.step = number  # a graph does not count on the host
            made.report.values.copy_(anew.report.values)
            for old, new in zip(made.losses, anew.losses, strict=True):
                old.copy_(new)

        return made, replay


def _tensors(state: TrainState) -> list[Tensor]:
    found: list[Tensor] = [state.skipped]
    for network, optimizer in (
        (state.generator, state.generator_optimizer),
        (state.discriminator, state.discriminator_optimizer),
    ):
        found += [*network.parameters(), *network.buffers()]
        found += [value for moments in optimizer.state.values() for value in moments.values()]
    return found


def _batch(step: int, num_pairs: int = 2) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(step)
    source = torch.rand(num_pairs, 3, 32, 32, generator=generator) * 2 - 1
    return source, -source.flip(1)


@pytest.fixture
def params(small_params: Params) -> Params:
    """With dropout in the small generator, too, so that steps draw random numbers."""
    model = dataclasses.replace(small_params.model, dropout=0.5, dropout_layout="torch")
    return dataclasses.replace(small_params, model=model)


def _train(make_step: Callable[..., Step], state: TrainState, *, odd: int, until: int) -> None:
    """Steps from the state's on, at a falling rate; the one numbered `odd` has other sizes."""
    for number in range(state.step, until):
        for optimizer in (state.generator_optimizer, state.discriminator_optimizer):
            set_learning_rate(optimizer, 2.0**-7 / (1 + number % 2))
            assert float(optimizer.param_groups[0]["lr"]) == 2.0**-7 / (1 + number % 2)
        seed_step(0, number, 0)
        valid = torch.rand(2, 1, 32, 32) > 0.5 if number == odd + 1 else None
        step = make_step(*_batch(number, 3 if number == odd else 2), valid)
        state.loss_sums = state.loss_sums + torch.stack(step.losses).double()
        step.report.check(number, state.device)


def _assert_same(found: TrainState, expected: TrainState) -> None:
    assert found.step == expected.step
    assert torch.equal(found.loss_sums, expected.loss_sums)
    for one, other in zip(_tensors(found), _tensors(expected), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("odd", [0, 2, 6])
def test_replayed_steps_have_the_bits_of_steps_started_one_by_one(params: Params, odd: int) -> None:
    """Also with a batch of another size, one with masked pixels, and another rate in each step."""
    states = [state_of(params) for _ in range(2)]
    recorders = [_Recorder(state) for state in states]
    replayed, started = (
        ReplayedSteps(state, params.train, record=recorder)  # type: ignore[arg-type]
        for state, recorder in zip(states, recorders, strict=True)
    )
    _train(replayed, states[0], odd=odd, until=10)
    del started  # it only made the optimisers of the other state alike

    def start(source: Tensor, target: Tensor, valid: Tensor | None) -> Step:
        return train_step(states[1], source, target, params.train, valid=valid)

    _train(start, states[1], odd=odd, until=10)
    _assert_same(states[0], states[1])
    assert recorders[0].num_recorded == 1
    assert recorders[0].num_run == NUM_FIRST_STEPS
    assert recorders[0].num_replayed >= 4


def test_a_continued_training_has_the_same_bits_although_it_records_at_another_step(
    params: Params,
) -> None:
    whole, first, second = (state_of(params) for _ in range(3))

    def replaying(state: TrainState) -> ReplayedSteps:
        return ReplayedSteps(state, params.train, record=_Recorder(state))  # type: ignore[arg-type]

    _train(replaying(whole), whole, odd=99, until=12)
    _train(replaying(first), first, odd=99, until=5)
    saved = first.state_dict()
    assert not any(isinstance(group["lr"], Tensor) for group in _groups(saved))
    second.load_state_dict(copy.deepcopy(saved))
    _train(replaying(second), second, odd=99, until=12)
    _assert_same(second, whole)


def _groups(saved: dict[str, Any]) -> list[dict[str, Any]]:
    names = ("generator_optimizer", "discriminator_optimizer")
    return [group for name in names for group in saved[name]["param_groups"]]


def test_a_cpu_starts_each_step(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    monkeypatch.setattr(pix2pix.training.replay, "train_step", lambda *_, **__: made.append("one"))
    for wanted in ("auto", True, False):
        config = dataclasses.replace(params.train, compile=wanted)  # type: ignore[arg-type]
        step_maker(state_of(params), config)(*_batch(0), None)
    assert made == ["one"] * 3
