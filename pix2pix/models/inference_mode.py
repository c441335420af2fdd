"""How a trained generator is run: a stored property of the model, never a flag of the caller.

`published`: as the paper does (Isola et al. 2017, sec. 3.3): dropout on, and batch norm with the
statistics of the image at hand. Dropout is seeded and images go through one by one, so that an
output depends neither on the call nor on its neighbours.
`deterministic`: dropout off, batch norm with the statistics gathered in training.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn

InferenceMode = Literal["published", "deterministic"]


@torch.inference_mode()
def translate(
    generator: nn.Module, source: Tensor, *, mode: InferenceMode, seeds: Sequence[int]
) -> Tensor:
    """Translate (N, C, H, W) in [-1, 1] to (N, C', H, W) in [-1, 1], float32.

    `seeds` has one dropout seed per image; `deterministic` does not look at it. The generator's
    mode, buffers and torch's random state are afterwards what they were.
    """
    if len(seeds) != len(source):
        raise ValueError(f"{len(source)} images need as many seeds, got {len(seeds)}")
    with _running_as(generator, mode):
        if mode == "deterministic":
            return _float(generator(source))
        return torch.cat(
            [
                _seeded(generator, image[None], seed)
                for image, seed in zip(source, seeds, strict=True)
            ]
        )


def _seeded(generator: nn.Module, source: Tensor, seed: int) -> Tensor:
    devices = [source.device] if source.is_cuda else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        return _float(generator(source))


def _float(fake: Tensor) -> Tensor:
    return fake.float()  # autocast leaves bfloat16


@contextmanager
def _running_as(generator: nn.Module, mode: InferenceMode) -> Iterator[None]:
    """Set dropout and batch norm for `mode`, and set everything back afterwards."""
    was_training = {module: module.training for module in generator.modules()}
    norms = [module for module in generator.modules() if isinstance(module, nn.BatchNorm2d)]
    was_tracking = {norm: norm.track_running_stats for norm in norms}
    try:
        generator.train(mode == "published")
        for norm in norms:
            # Batch statistics without this would also move the running ones.
            norm.track_running_stats = mode == "deterministic" and was_tracking[norm]
        yield
    finally:
        for module, training in was_training.items():
            module.training = training
        for norm, tracking in was_tracking.items():
            norm.track_running_stats = tracking
