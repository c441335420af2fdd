"""A worker's share of a batch, divided into parts to need less memory.

The gradients of the parts add up to those of the share, except with batch norm, which uses the
statistics of each part alone: that is another training. Each of the two updates runs the generator
again: keeping the graphs of all parts from the first update to the second would take as much memory
as the whole share.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from pix2pix.config import TrainConfig
from pix2pix.errors import UserError
from pix2pix.plural import counted
from pix2pix.training.computing import autocast
from pix2pix.training.counted import Masks
from pix2pix.training.distributed import unwrap
from pix2pix.valid_pixels import with_target_where_masked


class Microbatch(NamedTuple):
    """Pairs (N, C, H, W) in [-1, 1] that the networks process at once."""

    source: Tensor
    target: Tensor
    fraction: float  # of the share's pairs
    is_last: bool
    seed: int | None  # of its dropout; None: dropout draws from the current random state
    masks: Masks | None = None  # None: all pixels count

    def shown(self, fake: Tensor) -> Tensor:
        """The fake as discriminator and L1 see it: equal to the target where no pixel counts."""
        valid = None if self.masks is None else self.masks.pixels.values
        return with_target_where_masked(fake, self.target, valid)


def split_share(
    source: Tensor, target: Tensor, num_parts: int, masks: Masks | None
) -> list[Microbatch]:
    """Return the parts of a share (N, C, H, W) in order; their sizes differ by at most one.

    Raises UserError if there are fewer pairs than parts: ranks would have different numbers of
    parts.
    """
    if num_parts == 1:
        return [Microbatch(source, target, fraction=1.0, is_last=True, seed=None, masks=masks)]
    if len(source) < num_parts:
        raise UserError(
            f"train.num_microbatches ({num_parts}) exceeds the {counted(len(source), 'pair')} of a "
            "worker's share of a batch: lower it, or use fewer workers or a larger batch_size"
        )
    sources, targets = source.tensor_split(num_parts), target.tensor_split(num_parts)
    parts_of_masks = [None] * num_parts if masks is None else masks.split(num_parts)
    return [
        Microbatch(
            sources[part],
            targets[part],
            fraction=len(sources[part]) / len(source),
            is_last=part == num_parts - 1,
            seed=seed,
            masks=parts_of_masks[part],
        )
        for part, seed in enumerate(torch.randint(2**62, (num_parts,)).tolist())
    ]


def generate(generator: nn.Module, part: Microbatch, config: TrainConfig) -> Tensor:
    """Return the fakes of a part, (N, C, H, W) in [-1, 1]."""
    with autocast(config, part.source.device), _seeded_dropout(part):
        fake: Tensor = generator(part.source)
    return fake


@torch.no_grad()
def generate_without_graph(generator: nn.Module, part: Microbatch, config: TrainConfig) -> Tensor:
    """Return the fakes (N, C, H, W) that `generate` will return, without a graph for gradients.

    Running statistics do not change here, because `generate` will update them.
    """
    network = unwrap(generator)
    statistics = {name: buffer.clone() for name, buffer in network.named_buffers()}
    with autocast(config, part.source.device), _seeded_dropout(part):
        fake: Tensor = functional_call(network, statistics, (part.source,))
    return fake


@contextmanager
def _seeded_dropout(part: Microbatch) -> Iterator[None]:
    """Set the seed of the part's dropout masks, and restore the random state afterwards."""
    if part.seed is None:
        yield
        return
    with torch.random.fork_rng(devices=[part.source.device] if part.source.is_cuda else []):
        torch.manual_seed(part.seed)
        yield
