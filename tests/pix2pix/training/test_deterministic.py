"""Kernels that add in a fixed order: what a CPU can show of them."""

import dataclasses
import os
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from pix2pix.config import Params
from pix2pix.training import train_step
from pix2pix.training.deterministic import deterministic_kernels
from pix2pix.training.dev import dev_metrics
from pix2pix.valid_pixels import Pairs
from tests.support.drawn_batches import state_of

# Those that `torch.use_deterministic_algorithms` of torch 2.14 refuses on a GPU, by its docstring,
# and that a network for images could call, with the names that they have in ATen.
REFUSED = {
    "_adaptive_avg_pool2d_backward",
    "adaptive_max_pool2d_backward",
    "bincount",
    "fractional_max_pool2d_backward",
    "grid_sampler_2d_backward",
    "histc",
    "max_unpool2d",
    "median",
    "nll_loss2d_forward",
    "nll_loss_forward",
    "put_",
    "reflection_pad2d_backward",
    "upsample_bicubic2d_backward",
    "upsample_bilinear2d_backward",
}


class _Names(TorchDispatchMode):
    """Collects the names of the operations that are called."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.seen.add(func._schema.name.removeprefix("aten::"))
        return func(*args, **(kwargs or {}))


def _settings() -> tuple[bool, bool]:
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.utils.deterministic.fill_uninitialized_memory,
    )


@pytest.mark.parametrize("wanted", [False, True])
def test_the_choice_holds_within_the_context_and_ends_with_it(
    wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    before = _settings()
    within = []

    def fail() -> None:
        with deterministic_kernels(wanted=wanted):
            within.append((*_settings(), "CUBLAS_WORKSPACE_CONFIG" in os.environ))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert within == [(wanted, False, wanted)]
    assert _settings() == before


def test_workspaces_of_cublas_that_a_user_has_chosen_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    with deterministic_kernels(wanted=True):
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"


@pytest.mark.parametrize("upsample", ["transposed", "resize"])
@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_each_operation_of_a_training_has_a_deterministic_kernel(
    small_params: Params, norm: str, upsample: str
) -> None:
    """Otherwise a training on a GPU would end with PyTorch's RuntimeError."""
    model = dataclasses.replace(small_params.model, norm=norm, upsample=upsample)
    params = dataclasses.replace(small_params, model=model)
    state = state_of(params)
    source = torch.rand(2, 3, 32, 32) * 2 - 1
    pairs = Pairs(source, source.flip(1), torch.rand(2, 1, 32, 32) < 0.5)
    with deterministic_kernels(wanted=True), _Names() as names:
        train_step(state, pairs.source, pairs.target, params.train, valid=pairs.valid)
        dev_metrics(state.generator, [pairs], seed=0)
    assert all(hasattr(torch.ops.aten, name) for name in REFUSED)
    assert {"convolution", "convolution_backward", "_fused_adam_"} <= names.seen
    assert names.seen & REFUSED == set()


def test_a_step_gives_the_same_bits_with_and_without(small_params: Params) -> None:
    source = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    found = []
    for wanted in (False, True):
        state = state_of(small_params)
        torch.manual_seed(0)
        with deterministic_kernels(wanted=wanted):
            train_step(state, source, source.flip(1), small_params.train)
        found.append(torch.nn.utils.parameters_to_vector(state.generator.parameters()))
    assert torch.equal(*found)
