"""What ranks owe each other, on torch.distributed alone; identities where it is not initialised."""

import inspect
from collections.abc import Mapping

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel


def rank() -> int:
    """This process's place among the workers, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def world_size() -> int:
    """How many workers train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def wrapping_options() -> dict[str, bool]:
    """How DistributedDataParallel is to wrap our networks.

    Each rank keeps its own batch-norm statistics (see `average_buffers`): sending rank 0's before
    each of D's two passes would change, in place, what the first one needs for its gradients.
    """
    known = inspect.signature(DistributedDataParallel).parameters
    # torch 2.14 renamed the option.
    option = "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"
    return {option: False}


def unwrap(network: nn.Module) -> nn.Module:
    """The network inside a DistributedDataParallel, or itself."""
    return network.module if isinstance(network, DistributedDataParallel) else network


def sum_over_ranks(values: Tensor) -> Tensor:
    """The elementwise sum over all ranks."""
    if world_size() > 1:
        values = values.clone()
        distributed.all_reduce(values)
    return values


def mean_over_ranks(metrics: Mapping[str, Tensor], device: torch.device) -> dict[str, float]:
    """The mean of each scalar over all ranks; every rank must call with the same keys."""
    stacked = torch.stack([metrics[key].detach().double().to(device) for key in sorted(metrics)])
    means = sum_over_ranks(stacked) / world_size()
    return dict(zip(sorted(metrics), means.tolist(), strict=True))


def average_buffers(network: nn.Module) -> None:
    """Make batch-norm statistics, which each rank gathers from its own shard, the mean of all."""
    if world_size() == 1:
        return
    for buffer in network.buffers():
        if buffer.is_floating_point():
            buffer.copy_(sum_over_ranks(buffer) / world_size())
