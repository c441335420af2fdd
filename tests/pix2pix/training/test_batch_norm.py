"""Statistics of all ranks' images: the same as BatchNorm2d on the whole batch in one process."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pix2pix.models import (
    DiscriminatorConfig,
    GeneratorConfig,
    PatchDiscriminator,
    UNetGenerator,
    initialize,
)
from pix2pix.training.batch_norm import SharedBatchNorm2d, with_shared_statistics
from tests.support.gloo import run_together

NUM_CHANNELS = 5
NUM_IMAGES = 5  # three workers have two, two and one


def _norm(momentum: float | None = 0.1) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(NUM_CHANNELS, momentum=momentum)
    with torch.no_grad():
        norm.weight.copy_(torch.linspace(0.5, 2.0, NUM_CHANNELS))
        norm.bias.copy_(torch.linspace(-1.0, 1.0, NUM_CHANNELS))
    return norm


def _images(seed: int, offset: float = 3.0) -> Tensor:
    """Return images whose means and spreads differ by image and channel, around `offset`."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(NUM_IMAGES, NUM_CHANNELS, 6, 4, generator=generator)
    places = torch.arange(NUM_IMAGES * NUM_CHANNELS).reshape(NUM_IMAGES, NUM_CHANNELS, 1, 1)
    return images * (1 + 0.1 * places) + 0.2 * places + offset


def _pass(norm: nn.Module, images: Tensor, cotangent: Tensor) -> dict[str, Tensor]:
    """Run two forward passes and one backward pass; the second batch is the first one scaled."""
    images = images.detach().requires_grad_()
    norm(2.0 * images.detach())
    output = norm(images)
    torch.autograd.backward(output, cotangent.to(output.dtype))
    return {
        "output": output.detach(),
        "of_images": images.grad,
        "of_weight": norm.weight.grad,
        "of_bias": norm.bias.grad,
        **{key: value.clone() for key, value in norm.state_dict().items()},
    }


def _cases() -> dict[str, tuple[nn.BatchNorm2d, Tensor, Tensor]]:
    return {
        "rows": (_norm(), _images(0), _images(1)),
        "channels last": (
            _norm(),
            *(_images(seed).to(memory_format=torch.channels_last) for seed in (0, 1)),
        ),
        "averaging": (_norm(momentum=None), _images(0), _images(1)),
        "float64": (_norm().double(), _images(0).double(), _images(1).double()),
        "bfloat16": (_norm(), _images(0).bfloat16(), _images(1).bfloat16()),
        "far from zero": (_norm(), _images(0, offset=1e4), _images(1)),
    }


def _work(rank: int, world_size: int) -> dict[str, Any]:
    share = slice(rank, None, world_size)
    results: dict[str, Any] = {}
    for name, (norm, images, cotangent) in _cases().items():
        shared = with_shared_statistics(norm)
        results[name] = _pass(shared, images[share], cotangent[share])
        layout = torch.channels_last if name == "channels last" else torch.contiguous_format
        output = results[name]["output"]
        results[name]["kept_layout"] = output.is_contiguous(memory_format=layout)
    if rank == 0:  # alone: were these collective, the call would not return
        results["on its own"] = _on_its_own(_images(2))
    return results


def _on_its_own(images: Tensor) -> list[bool]:
    equal = []
    for training, tracking in ((False, True), (True, False)):
        norm = _norm().train(training)
        shared = with_shared_statistics(copy.deepcopy(norm))
        norm.track_running_stats = shared.track_running_stats = tracking
        equal.append(torch.equal(shared(images), norm(images)))
        equal.append(torch.equal(shared.running_mean, torch.zeros(NUM_CHANNELS)))
    return equal


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return run_together(_work, world_size=3, folder=tmp_path_factory.mktemp("workers"))


def _whole(workers: list[dict[str, Any]], name: str, key: str) -> Tensor:
    """Return the images of all ranks in the order of the batch."""
    whole = torch.empty(NUM_IMAGES, *workers[0][name][key].shape[1:], dtype=torch.float64)
    for rank, worker in enumerate(workers):
        whole[rank :: len(workers)] = worker[name][key].double()
    return whole


# Relative to the largest value. Measured: 4e-7, 3e-16; bfloat16 keeps 8 bits of each value.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "bound"),
    [
        ("rows", 2e-6),
        ("channels last", 2e-6),
        ("averaging", 2e-6),
        ("float64", 1e-14),
        ("bfloat16", 2**-7),
        ("far from zero", 1e-3),  # that far, float32 itself has no more digits
    ],
)
def test_three_uneven_shares_are_normalised_as_the_whole_batch(
    workers: list[dict[str, Any]], name: str, bound: float
) -> None:
    norm, images, cotangent = _cases()[name]
    # In float64, so that what is bounded is the error of what is tested alone.
    expected = _pass(norm.double(), images.double(), cotangent.double())
    result = {key: _whole(workers, name, key) for key in ("output", "of_images")}
    for key in ("of_weight", "of_bias"):
        result[key] = sum(worker[name][key].double() for worker in workers)
    result |= {key: workers[0][name][key].double() for key in ("running_mean", "running_var")}
    for key, value in result.items():
        off = (value - expected[key]).abs().max() / expected[key].abs().max()
        assert off < bound, key
    for worker in workers:
        assert worker[name]["num_batches_tracked"] == 2
        assert worker[name]["kept_layout"]
        assert worker[name]["output"].dtype == images.dtype
        for key in ("running_mean", "running_var"):
            assert torch.equal(worker[name][key], workers[0][name][key])


@pytest.mark.slow
def test_in_eval_mode_and_without_running_statistics_ranks_exchange_nothing(
    workers: list[dict[str, Any]],
) -> None:
    """`published` inference runs on each rank's own images, of which there may be none."""
    assert workers[0]["on its own"] == [True] * 4


@pytest.mark.parametrize("training", [True, False])
def test_one_process_computes_the_bits_of_batch_norm_2d(training: bool) -> None:
    norm = _norm().train(training)
    shared = with_shared_statistics(copy.deepcopy(norm))
    assert type(shared) is SharedBatchNorm2d
    one, other = (_pass(each, _images(0), _images(1)) for each in (norm, shared))
    assert one.keys() == other.keys()
    assert all(torch.equal(other[key], value) for key, value in one.items())


def test_networks_keep_their_parameters_and_the_keys_of_their_state() -> None:
    generator = UNetGenerator(GeneratorConfig(base_channels=2, depth=4))
    discriminator = PatchDiscriminator(DiscriminatorConfig(base_channels=2))
    for network in (generator, discriminator):
        initialize(network)
        plain = copy.deepcopy(network)
        parameters = list(network.parameters())
        assert with_shared_statistics(network) is network
        norms = [module for module in plain.modules() if isinstance(module, nn.BatchNorm2d)]
        kinds = [type(module) for module in network.modules()]
        assert kinds.count(SharedBatchNorm2d) == len(norms) > 0
        assert nn.BatchNorm2d not in kinds
        assert all(one is two for one, two in zip(network.parameters(), parameters, strict=True))
        assert list(network.state_dict()) == list(plain.state_dict())
        plain.load_state_dict(network.state_dict())
