"""What ranks owe each other, on torch.distributed alone; identities where it is not initialised."""

import inspect
from contextlib import AbstractContextManager, nullcontext
from typing import assert_never

import torch
from torch import Tensor, distributed, nn
from torch.distributed.algorithms.ddp_comm_hooks import default_hooks
from torch.nn.parallel import DistributedDataParallel

from pix2pix.config import TrainConfig


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


def exchange_gradients(network: nn.Module, config: TrainConfig) -> None:
    """Have a freshly wrapped network average its gradients in `config.gradient_exchange`.

    bfloat16 halves what is sent, and rounds each rank's gradients and each of their sums to 8 bits.
    """
    if not isinstance(network, DistributedDataParallel):
        return
    match config.gradient_exchange:
        case "float32":
            pass  # its own way
        case "bfloat16":
            network.register_comm_hook(network.process_group, _average_in_bfloat16)
        case _:
            assert_never(config.gradient_exchange)


def _average_in_bfloat16(
    group: distributed.ProcessGroup,
    bucket: distributed.GradBucket,  # type: ignore[name-defined]
) -> torch.futures.Future[Tensor]:
    # Torch's hook under another name: by its own, torch refuses it in builds without CUDA, where
    # gloo adds bfloat16 as well.
    return default_hooks.bf16_compress_hook(group, bucket)


def exchange_only_if(is_last: bool, network: nn.Module) -> AbstractContextManager[None]:
    """Around forward and backward of one part of several: gradients add up here until the last."""
    if is_last or not isinstance(network, DistributedDataParallel):
        return nullcontext()
    return network.no_sync()


def share_weight(num_pairs: int, batch_size: int) -> float:
    """What the mean over this rank's `num_pairs` of a global batch counts in a mean over ranks.

    Gradients are averaged over ranks; where shares differ by a pair, the mean over the batch is
    that of the ranks' means with these weights. 1 where shares are equal, and for one process.
    """
    return num_pairs * world_size() / batch_size if world_size() > 1 else 1.0


def sum_over_ranks(values: Tensor) -> Tensor:
    """The elementwise sum over all ranks."""
    if world_size() > 1:
        values = values.clone()
        distributed.all_reduce(values)
    return values


def average_buffers(network: nn.Module) -> None:
    """Make batch-norm statistics, which each rank gathers from its own shard, the mean of all."""
    if world_size() == 1:
        return
    for buffer in network.buffers():
        if buffer.is_floating_point():
            buffer.copy_(sum_over_ranks(buffer) / world_size())


def gather_over_ranks(values: Tensor) -> Tensor:
    """What each rank has, (world_size, n) on all; `values` is (n,), on the networks' device."""
    if world_size() == 1:
        return values[None]
    gathered = [torch.empty_like(values) for _ in range(world_size())]
    distributed.all_gather(gathered, values)
    return torch.stack(gathered)


def max_over_ranks(value: int, device: torch.device) -> int:
    """The largest of one small integer per rank; `device` is the networks'."""
    if world_size() == 1:
        return value
    largest = torch.tensor(value, device=device)
    distributed.all_reduce(largest, op=distributed.ReduceOp.MAX)
    return int(largest)


def any_over_ranks(flag: bool, device: torch.device) -> bool:
    """Whether it is true of any rank; all get the same answer. `device` is the networks'."""
    return bool(max_over_ranks(int(flag), device))
