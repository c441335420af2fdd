import copy
import dataclasses
import itertools
import math
import pickle
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from pix2pix.config import Params, TrainConfig
from pix2pix.models import network_configs
from pix2pix.training import (
    DevSet,
    EpochResult,
    NonFiniteLossError,
    Request,
    SavePoint,
    TrainState,
    fit,
    new_state,
)
from pix2pix.training.loop import OnStep
from pix2pix.training.selection import stops_early
from tests.support.checked_step import checked_step

Pair = tuple[Tensor, Tensor]


class DrawnBatches:
    """Two batches an epoch, which are drawn by (epoch, index)."""

    num_batches = 2

    def __call__(self, epoch: int, start_step: int) -> Iterator[Pair]:
        for index in range(start_step, self.num_batches):
            yield _pair(100 * epoch + index)


def _pair(seed: int, size: int = 32) -> Pair:
    """Return a source and a target that depends on it, so that there is something to learn."""
    source = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return source, -source.flip(1)


DEV = DevSet(batches=[_pair(7), _pair(8)], samples=[_pair(7)[0]])


def _state(params: Params) -> TrainState:
    return new_state(*network_configs(params), config=params.train)


def _run(state: TrainState, config: TrainConfig, epochs: int | None = None) -> list[EpochResult]:
    results = []
    for result in fit(state, DrawnBatches(), config, dev=DEV):
        assert isinstance(result, EpochResult)
        results.append(result)
        if len(results) == epochs:
            break
    return results


def _stop_at(step: int) -> OnStep:
    """Return a function that asks to stop after so many steps of this process."""
    steps = itertools.count(1)
    return lambda _progress: Request.STOP if next(steps) == step else Request.NONE


def _steady(metrics: dict[str, float]) -> dict[str, float]:
    """Return the metrics without those that depend on the clock."""
    return {k: v for k, v in metrics.items() if not k.startswith("perf/") and k != "time_s"}


def test_results_count_finished_epochs_and_start_with_the_untrained_generator(
    small_params: Params,
) -> None:
    state = _state(small_params)
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
    state = _state(small_params)
    with torch.no_grad():
        for parameter in state.generator.parameters():
            parameter.zero_()
    metrics = _run(state, small_params.train, epochs=1)[0].metrics
    expected = sum((target.abs() / 2).mean().item() for _, target in DEV.batches) / 2
    for name in ("dev/l1", "dev/l1_published", "dev/l1_deterministic"):
        assert metrics[name] == pytest.approx(expected, rel=1e-6)


def test_a_run_repeats_bit_for_bit(small_params: Params) -> None:
    first, second = _state(small_params), _state(small_params)
    one, two = _run(first, small_params.train), _run(second, small_params.train)
    assert [_steady(r.metrics) for r in one] == [_steady(r.metrics) for r in two]
    _assert_equal(first, second)


@pytest.mark.parametrize("stop_after", [1, 2, 3])
def test_a_run_that_was_stopped_and_continued_equals_one_that_was_not(
    small_params: Params, stop_after: int
) -> None:
    """Dropout is on: its masks depend on the step, and not on earlier random numbers."""
    assert small_params.model.dropout > 0
    config = dataclasses.replace(
        small_params, model=dataclasses.replace(small_params.model, depth=5, dropout_layout="torch")
    )
    undisturbed = _state(config)
    _run(undisturbed, config.train)
    stopped = _state(config)
    _run(stopped, config.train, epochs=stop_after)
    saved = copy.deepcopy(stopped.state_dict())
    torch.manual_seed(12345)
    resumed = _state(config)
    resumed.load_state_dict(saved)
    _run(resumed, config.train)
    assert [_steady(r) for r in resumed.history] == [_steady(r) for r in undisturbed.history]
    _assert_equal(resumed, undisturbed)


def test_a_loaded_state_continues_with_the_betas_and_the_rate_of_the_new_training(
    small_params: Params,
) -> None:
    """A trial of a population copies the moments of another one, but not its parameters."""
    before = _state(small_params)
    _run(before, small_params.train, epochs=2)
    changed = dataclasses.replace(
        small_params,
        train=dataclasses.replace(small_params.train, learning_rate=1e-5, beta1=0.9, beta2=0.99),
    )
    after = _state(changed)
    after.load_state_dict(copy.deepcopy(before.state_dict()))
    _run(after, changed.train, epochs=1)
    for optimizer in (after.generator_optimizer, after.discriminator_optimizer):
        (group,) = optimizer.param_groups
        assert (group["lr"], group["betas"]) == (1e-5, (0.9, 0.99))


@pytest.mark.parametrize("steps", range(1, 7))
def test_a_run_that_was_stopped_within_an_epoch_and_continued_equals_one_that_was_not(
    small_params: Params, steps: int
) -> None:
    undisturbed = _state(small_params)
    _run(undisturbed, small_params.train)
    stopped = _state(small_params)
    *_, last = fit(stopped, DrawnBatches(), small_params.train, dev=DEV, on_step=_stop_at(steps))
    assert last == SavePoint(step=steps, is_stop=True)
    saved = copy.deepcopy(stopped.state_dict())
    resumed = _state(small_params)
    resumed.load_state_dict(saved)
    _run(resumed, small_params.train)
    assert [_steady(r) for r in resumed.history] == [_steady(r) for r in undisturbed.history]
    _assert_equal(resumed, undisturbed)


def test_save_points_come_every_so_many_steps_but_not_at_the_end_of_an_epoch(
    small_params: Params,
) -> None:
    batches = DrawnBatches()
    batches.num_batches = 4
    config = dataclasses.replace(small_params.train, checkpoint_every_steps=2)
    moments = list(fit(_state(small_params), batches, config, dev=DEV))
    steps = [m.step for m in moments if isinstance(m, SavePoint)]
    assert steps == [2, 6, 10]
    assert not any(m.is_stop for m in moments if isinstance(m, SavePoint))


def test_a_request_to_save_only_adds_a_save_point(small_params: Params) -> None:
    plain, saved = _state(small_params), _state(small_params)
    _run(plain, small_params.train)
    moments = list(
        fit(saved, DrawnBatches(), small_params.train, dev=DEV, on_step=lambda _: Request.SAVE)
    )
    assert [m.step for m in moments if isinstance(m, SavePoint)] == [*range(1, 7)]
    _assert_equal(saved, plain)


def test_the_best_networks_are_kept_unchanged(small_params: Params) -> None:
    state = _state(small_params)
    copies = {}
    for result in fit(state, DrawnBatches(), small_params.train, dev=DEV):
        assert isinstance(result, EpochResult)
        copies[result.epoch] = copy.deepcopy(state.generator.state_dict())
    best = min(state.history[1:], key=lambda record: record["dev/l1"])
    assert state.best is not None
    assert state.best.epoch == best["epoch"]
    assert state.best.dev["dev/l1"] == best["dev/l1"]
    for key, value in copies[state.best.epoch].items():
        assert torch.equal(state.best.generator[key], value)


def test_a_state_of_another_seed_is_refused(small_params: Params) -> None:
    other = dataclasses.replace(small_params.train, seed=7)
    state = new_state(*network_configs(small_params), config=other)
    with pytest.raises(ValueError, match="trained with seed 0, not 7"):
        state.load_state_dict(_state(small_params).state_dict())


def _assert_equal(one: TrainState, two: TrainState) -> None:
    first, second = one.state_dict(), two.state_dict()
    for network in ("generator", "discriminator"):
        assert all(torch.equal(first[network][k], v) for k, v in second[network].items())
    for optimizer in ("generator_optimizer", "discriminator_optimizer"):
        moments = first[optimizer]["state"]
        for index, moment in second[optimizer]["state"].items():
            assert all(torch.equal(moments[index][k], v) for k, v in moment.items())
    assert (one.epoch, one.step, one.batch) == (two.epoch, two.step, two.batch)
    assert torch.equal(first["ranks"], second["ranks"])
    for network in ("generator", "discriminator"):
        for key, value in first["best"][network].items():
            assert torch.equal(second["best"][network][key], value), key


def test_there_are_samples_of_epoch_0_of_due_epochs_and_of_the_last_one(
    small_params: Params,
) -> None:
    config = dataclasses.replace(small_params.train, sample_every_epochs=2)
    results = _run(_state(small_params), config)
    assert [r.epoch for r in results if r.samples is not None] == [0, 2, 3]
    assert all(
        [fake.shape for fake in r.samples] == [(3, 32, 32)] * 2
        for r in results
        if r.samples is not None
    )


def test_the_best_epoch_is_the_one_with_the_lowest_dev_l1(small_params: Params) -> None:
    results = _run(_state(small_params), small_params.train)
    lowest = math.inf
    for result in results[1:]:
        assert result.is_best is (result.metrics["dev/l1"] < lowest)
        lowest = min(lowest, result.metrics["dev/l1"])


def test_epochs_before_the_first_that_may_be_kept_are_never_the_best(small_params: Params) -> None:
    """At this learning rate dev L1 rises, so that epoch 1 would be the best without the limit."""
    config = dataclasses.replace(small_params.train, best_from_epoch=2, learning_rate=0.5)
    results = _run(_state(small_params), config)
    assert [result.may_be_kept for result in results] == [False, False, True, True]
    assert [result.is_best for result in results][:3] == [False, False, True]


@pytest.mark.parametrize(
    ("l1", "patience", "best_from", "stops"),
    [
        ([0.1, 0.5, 0.4, 0.45, 0.41], 2, 1, True),  # the untrained 0.1 does not count
        ([0.1, 0.5, 0.4, 0.45], 2, 1, False),
        ([0.1, 0.5, 0.4, 0.45, 0.39], 2, 1, False),
        ([0.1, 0.5, 0.4, 0.45, 0.41], None, 1, False),
        ([0.1, 0.3, 0.5, 0.45, 0.44], 2, 2, False),  # epoch 1's 0.3 may not be kept
        ([0.1, 0.3, 0.5, 0.6, 0.7], 2, 2, True),
        ([0.1, 0.3, 0.5, 0.6], 1, 4, False),  # nothing that may be kept yet
        ([0.1], 1, 1, False),
    ],
)
def test_it_stops_after_so_many_epochs_without_a_better_dev_l1(
    small_params: Params, l1: list[float], patience: int | None, best_from: int, stops: bool
) -> None:
    history = [{"epoch": float(epoch), "dev/l1": value} for epoch, value in enumerate(l1)]
    config = dataclasses.replace(
        small_params.train,
        num_epochs=9,
        early_stopping_epochs=patience,
        best_from_epoch=best_from,
    )
    assert stops_early(history, config) is stops


def test_early_stopping_ends_the_run_and_marks_the_last_result(small_params: Params) -> None:
    config = dataclasses.replace(
        small_params.train, num_epochs=50, early_stopping_epochs=1, learning_rate=0.5
    )
    results = _run(_state(small_params), config)
    assert len(results) < 50
    assert [r.is_last for r in results] == [False] * (len(results) - 1) + [True]
    assert not results[-1].is_best


def test_logged_terms_are_unweighted_and_their_weighted_sum_is_the_loss(
    small_params: Params,
) -> None:
    config = dataclasses.replace(small_params.train, lambda_l1=7.0, lambda_adversarial=2.0)
    metrics = _run(_state(small_params), config)[1].metrics
    weighted = 2.0 * metrics["train/loss_g_adversarial"] + 7.0 * metrics["train/loss_g_l1"]
    assert metrics["train/loss_g"] == pytest.approx(weighted, rel=1e-9)
    halved = 0.5 * (metrics["train/loss_d_real"] + metrics["train/loss_d_fake"])
    assert metrics["train/loss_d"] == pytest.approx(halved, rel=1e-9)


@pytest.mark.parametrize("poisoned", ["source", "target"])
def test_a_non_finite_loss_stops_before_the_update_and_names_the_terms(
    small_params: Params, poisoned: str
) -> None:
    state = _state(small_params)
    source, target = _pair(0)
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


def test_the_error_of_a_worker_has_all_its_fields_on_the_driver() -> None:
    error = NonFiniteLossError({"l1": math.inf}, 7)
    copied = pickle.loads(pickle.dumps(error))
    assert (str(copied), copied.terms, copied.step) == (str(error), {"l1": math.inf}, 7)
    assert "step 7 (l1 inf)" in str(error)


def test_one_batch_can_be_memorised(small_params: Params) -> None:
    """L1 falls below a third of its first value within 60 steps."""
    params = dataclasses.replace(
        small_params,
        model=dataclasses.replace(small_params.model, base_channels=16, dropout=0.0),
        train=dataclasses.replace(small_params.train, learning_rate=2e-3),
    )
    state = _state(params)
    grid = torch.linspace(-0.8, 0.8, 32)
    source = torch.stack([grid.expand(32, 32), grid.expand(32, 32).T, torch.zeros(32, 32)])[None]
    target = source.flip(1)
    losses = [checked_step(state, source, target, params.train).l1.item() for _ in range(60)]
    assert losses[-1] < losses[0] / 3


@pytest.mark.parametrize("channels_last", [False, True])
def test_bfloat16_and_memory_layout_stay_close_to_float32(
    small_params: Params, channels_last: bool
) -> None:
    source, target = _pair(3)
    plain = checked_step(_state(small_params), source, target, small_params.train)
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
    plain, last = _state(small_params), state
    _run(plain, small_params.train, epochs=2)
    _run(last, config, epochs=2)
    for one, two in zip(plain.history, last.history, strict=True):
        assert _steady(two) == pytest.approx(_steady(one), rel=1e-3)
