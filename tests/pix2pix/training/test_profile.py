import contextlib
import dataclasses
import gzip
import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from pix2pix.config import Params
from pix2pix.models import network_configs
from pix2pix.training import DevSet, NonFiniteLossError, Profile, fit, new_state
from pix2pix.training.profile import STEP, WAIT, summary
from pix2pix.valid_pixels import Pairs


def _event(name: str, category: str, start_s: float, end_s: float) -> dict[str, Any]:
    """An event as Chrome's JSON has it, in microseconds."""
    return {"name": name, "cat": category, "ts": 1e6 * start_s, "dur": 1e6 * (end_s - start_s)}


HOST = [
    _event(WAIT, "user_annotation", 10.0, 11.0),
    _event(STEP, "user_annotation", 11.0, 14.0),
    _event(STEP, "gpu_user_annotation", 11.0, 19.0),  # the device's copy of it does not count
    _event(WAIT, "user_annotation", 14.0, 14.5),
    _event(STEP, "user_annotation", 15.0, 20.0),
    {"name": "process_name", "ph": "M"},
]


def test_the_time_of_a_gpu_is_split_into_busy_idle_and_exchange() -> None:
    kernels = [
        _event("conv", "kernel", 12.0, 14.0),
        _event("conv", "kernel", 13.0, 15.0),  # on another stream: three seconds together
        _event("copy", "gpu_memcpy", 15.0, 15.5),
        _event("ncclDevKernel_AllReduce", "kernel", 14.0, 17.5),  # of which two hide behind nothing
    ]
    assert summary([*HOST, *kernels]) == {
        "num_steps": 2,
        "step_s": 5.0,
        "data_wait_s": 0.75,
        "device_busy_s": 2.75,
        "device_idle_s": 2.25,
        "exchange_s": 1.75,
        "exposed_exchange_s": 1.0,
    }


def test_a_cpu_is_its_own_device() -> None:
    found = summary([*HOST, _event("gloo:all_reduce", "user_annotation", 12.0, 13.0)])
    assert found["device_busy_s"] is found["device_idle_s"] is found["exposed_exchange_s"] is None
    assert (found["step_s"], found["exchange_s"]) == (5.0, 0.5)


class _Batches:
    def __init__(self, num_batches: int) -> None:
        self.num_batches = num_batches

    def __call__(self, epoch: int, start_step: int) -> Iterator[Pairs]:
        for step in range(start_step, self.num_batches):
            generator = torch.Generator().manual_seed(100 * epoch + step)
            source = torch.rand(2, 3, 32, 32, generator=generator) * 2 - 1
            yield Pairs(source, -source.flip(1), None)


@pytest.mark.slow
@pytest.mark.parametrize(("num_batches", "num_traced"), [(1, 1), (4, 2), (20, 10)])
def test_ten_steps_of_the_first_epoch_are_traced_once_and_nothing_else_changes(
    small_params: Params, num_batches: int, num_traced: int
) -> None:
    config = dataclasses.replace(small_params.train, num_epochs=2, num_decay_epochs=0)
    histories, profiles = [], list[Profile]()
    for on_profile in (profiles.append, None):
        state = new_state(*network_configs(small_params), config=config)
        batches = _Batches(num_batches)
        dev = DevSet([next(batches(99, 0))], [])
        for _ in fit(state, batches, config, dev=dev, on_profile=on_profile):
            pass
        histories.append(state.history)
    (profile,) = profiles
    assert profile.summary["num_steps"] == num_traced
    assert profile.summary["step_s"] > profile.summary["data_wait_s"] > 0  # type: ignore[operator]
    names = [event["name"] for event in json.loads(gzip.decompress(profile.trace))["traceEvents"]]
    assert names.count(STEP) == names.count(WAIT) == num_traced
    assert len(profile.trace) < 200_000 * num_traced
    assert [_losses(each) for each in histories[0]] == [_losses(each) for each in histories[1]]


def test_an_error_within_the_trace_ends_it(small_params: Params) -> None:
    """Otherwise the next trace of this process would fail, that of the training's next try."""
    dev = DevSet([next(_Batches(1)(99, 0))], [])
    profiles = list[Profile]()
    for batches in (_Broken(8), _Batches(8)):
        state = new_state(*network_configs(small_params), config=small_params.train)
        events = fit(state, batches, small_params.train, dev=dev, on_profile=profiles.append)
        with contextlib.suppress(NonFiniteLossError):
            next(events)
            next(events)
    assert len(profiles) == 1


class _Broken(_Batches):
    def __call__(self, epoch: int, start_step: int) -> Iterator[Pairs]:
        for step, pairs in enumerate(super().__call__(epoch, start_step)):
            yield pairs._replace(target=pairs.target * math.nan) if step == 5 else pairs


def _losses(record: dict[str, float]) -> dict[str, float]:
    return {key: value for key, value in record.items() if key.startswith(("train/", "dev/"))}
