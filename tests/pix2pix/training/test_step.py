import copy
import dataclasses
import math
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor

from pix2pix.config import Params
from pix2pix.training import NonFiniteLossError, TrainState
from tests.support.checked_step import checked_step
from tests.support.deviation import deviation, gradients, weights
from tests.support.drawn_batches import state_of


def _params(small_params: Params, num_microbatches: int, **model: Any) -> Params:
    return dataclasses.replace(
        small_params,
        model=dataclasses.replace(small_params.model, **model),
        train=dataclasses.replace(
            small_params.train, batch_size=4, num_microbatches=num_microbatches
        ),
    )


def _batch(seed: int = 0) -> tuple[Tensor, Tensor]:
    source = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return source, -source.flip(1)


def _recorded_fakes(state: TrainState) -> list[Tensor]:
    """Return a list to which the outputs of the generator are appended from now on."""
    fakes: list[Tensor] = []
    state.generator.register_forward_hook(lambda _module, _args, fake: fakes.append(fake.detach()))
    return fakes


@pytest.mark.parametrize("norm", ["none", "instance"])
@pytest.mark.parametrize("num_parts", [2, 3, 4])
def test_a_share_in_parts_gives_the_same_update_as_the_whole(
    small_params: Params, norm: str, num_parts: int
) -> None:
    """Four pairs in parts of two, one and one, which are weighted by their numbers of pairs.

    Measured: gradients differ by 6e-7 of their length, and the changes of the weights in eight
    steps by 4e-6. In one case with two threads it is 8e-4, because rounding changes the sign of an
    input of ReLU.
    """
    whole, parts = (_params(small_params, n, norm=norm, dropout=0.0) for n in (1, num_parts))
    states = [state_of(params) for params in (whole, parts)]
    start = weights(states[0])
    for step in range(8):
        losses = [
            torch.stack(checked_step(state, *_batch(step), params.train))
            for state, params in zip(states, (whole, parts), strict=True)
        ]
        torch.testing.assert_close(losses[1], losses[0], atol=1e-5, rtol=0)
        if step == 0:
            assert deviation(gradients(states[1]), gradients(states[0])) < 1e-5
    assert [state.step for state in states] == [8, 8]
    assert deviation(weights(states[1]), weights(states[0]), start=start) < 5e-3


def test_the_generator_runs_once_on_a_whole_share_and_twice_on_each_part(
    small_params: Params,
) -> None:
    for num_parts, sizes in [(1, [4]), (2, [2, 2] * 2), (3, [2, 1, 1] * 2)]:
        params = _params(small_params, num_parts)
        state = state_of(params)
        fakes = _recorded_fakes(state)
        checked_step(state, *_batch(), params.train)
        assert [len(fake) for fake in fakes] == sizes


def test_both_updates_use_the_same_dropout_masks_for_a_part(small_params: Params) -> None:
    params = _params(small_params, 2, depth=5, dropout=0.5, dropout_layout="torch", norm="instance")
    source, target = _batch()
    source[2:], target[2:] = source[:2].clone(), target[:2].clone()  # equal parts
    runs = []
    for _ in range(2):
        state = state_of(params)
        fakes = _recorded_fakes(state)
        torch.manual_seed(5)
        checked_step(state, source, target, params.train)
        assert all(torch.equal(fakes[part], fakes[2 + part]) for part in (0, 1))
        assert not torch.equal(fakes[0], fakes[1])  # each part has masks of its own
        runs.append(fakes)
    assert all(torch.equal(one, two) for one, two in zip(*runs, strict=True))


def test_running_statistics_count_each_part_once(small_params: Params) -> None:
    params = _params(small_params, 2, norm="batch", dropout=0.0)
    state = state_of(params)
    counted = copy.deepcopy(state.generator)
    source, target = _batch()
    checked_step(state, source, target, params.train)
    with torch.no_grad():
        for part in source.tensor_split(2):
            counted(part)
    buffers = dict(state.generator.named_buffers())
    assert len(buffers) > 0
    for key, value in counted.named_buffers():
        torch.testing.assert_close(buffers[key], value, msg=key)


@pytest.mark.parametrize("num_parts", [1, 2, 4])
@pytest.mark.parametrize("index", [0, 3])
def test_one_non_finite_pair_of_any_part_stops_before_the_update(
    small_params: Params, num_parts: int, index: int
) -> None:
    params = _params(small_params, num_parts, norm="none", dropout=0.0)
    state, untouched = state_of(params), state_of(params)
    source, target = _batch()
    target[index, 0, 0, 0] = math.nan
    before = weights(state)
    with pytest.raises(NonFiniteLossError, match="discriminator_real nan") as caught:
        checked_step(state, source, target, params.train)
    assert caught.value.is_here
    assert set(caught.value.terms) == {"discriminator_fake", "discriminator_real"}
    assert all(torch.equal(before[key], value) for key, value in weights(state).items())
    for each in (state, untouched):
        checked_step(each, *_batch(1), params.train)
    after = weights(untouched)
    assert all(torch.equal(after[key], value) for key, value in weights(state).items())


def test_more_parts_than_pairs_are_refused_with_a_remedy(small_params: Params) -> None:
    params = _params(small_params, 3)
    source, target = _batch()
    with pytest.raises(ValueError, match=r"num_microbatches \(3\) exceeds the 2 pairs .*lower it"):
        checked_step(state_of(params), source[:2], target[:2], params.train)


@pytest.mark.parametrize("is_here", [True, False])
def test_the_error_tells_the_driver_whether_this_rank_had_the_loss(is_here: bool) -> None:
    error = NonFiniteLossError({"l1": 0.5}, 7, is_here=is_here)
    copied = pickle.loads(pickle.dumps(error))
    assert (str(copied), copied.terms, copied.step) == (str(error), {"l1": 0.5}, 7)
    assert copied.is_here is is_here
    where = {True: "step 7 (l1 0.5);", False: "step 7 of another worker (here: l1 0.5);"}
    assert where[is_here] in str(copied)


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_no_gradient_runs_through_the_discriminator_without_a_weight(
    small_params: Params, weight: float
) -> None:
    params = _params(small_params, 1, norm="none", dropout=0.0)
    config = dataclasses.replace(params.train, lambda_adversarial=weight)
    state = state_of(params)
    has_graph: list[bool] = []
    state.discriminator.register_forward_hook(
        lambda _module, _inputs, logits: has_graph.append(logits.requires_grad)
    )
    before = weights(state)
    step = checked_step(state, *_batch(), config)
    assert has_graph == [True, True, weight > 0]  # two passes of its own update, one of the other
    assert float(step.adversarial) > 0  # which is still logged
    assert all(not torch.equal(before[key], value) for key, value in weights(state).items())
