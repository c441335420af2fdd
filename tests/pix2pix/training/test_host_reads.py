"""A training step has the host read no value from the device."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.optim import Adam
from torch.utils._python_dispatch import TorchDispatchMode

from pix2pix.config import Params
from pix2pix.models import PatchDiscriminator, UNetGenerator, network_configs
from pix2pix.training import (
    TrainState,
    train_step,
)
from pix2pix.training.finite import spoiled_if_not_finite

NO_VALUE = "_local_scalar_dense|tolist"  # in the error of a tensor without values


def _state_without_values(params: Params) -> TrainState:
    """A state under FakeTensorMode, where `new_state` cannot set the memory layout of networks."""
    generator_config, discriminator_config = network_configs(params)
    networks = UNetGenerator(generator_config), PatchDiscriminator(discriminator_config)
    return TrainState(
        *networks, *(Adam(network.parameters(), fused=True) for network in networks), seed=0
    )


class _HostReads(TorchDispatchMode):
    """Counts operations by which the host learns a value, and so waits for the device."""

    NAMES = ("_local_scalar_dense", "item", "nonzero", "is_nonzero", "equal", "masked_select")

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = func._schema.name.removeprefix("aten::")
        if name in self.NAMES:
            self.names.append(name)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("is_masked", [False, True])
def test_the_host_reads_nothing_in_a_step(small_params: Params, is_masked: bool) -> None:
    """On tensors without values, any read of a value fails; operations are counted as well.

    `Tensor.tolist` is no operation on a CPU, so counting alone would not find it.
    """
    config = small_params.train
    with FakeTensorMode():
        state = _state_without_values(small_params)
        source = torch.rand(2, 3, 32, 32)
        valid = torch.ones(2, 1, 32, 32, dtype=torch.bool) if is_masked else None
        with _HostReads() as reads:
            for _ in range(2):
                step = train_step(state, source, source.flip(1), config, valid=valid)
        with pytest.raises((DataDependentOutputException, RuntimeError), match=NO_VALUE):
            step.report.check(0, torch.device("cpu"))
    assert reads.names == []


@pytest.mark.parametrize("read", [Tensor.item, Tensor.tolist, bool])
def test_a_read_within_a_step_would_be_noticed(
    small_params: Params, monkeypatch: pytest.MonkeyPatch, read: Callable[[Tensor], Any]
) -> None:
    def reading(total: Tensor, terms: list[Tensor]) -> Tensor:
        read(total.detach())
        return spoiled_if_not_finite(total, terms)

    monkeypatch.setattr("pix2pix.training.step.spoiled_if_not_finite", reading)
    with FakeTensorMode():
        state = _state_without_values(small_params)
        source = torch.rand(2, 3, 32, 32)
        with pytest.raises((DataDependentOutputException, RuntimeError), match=NO_VALUE):
            train_step(state, source, source, small_params.train)
