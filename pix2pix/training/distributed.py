"""Exchange of values between ranks by torch.distributed. Without it there is one rank."""

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import assert_never

import torch
from torch import Tensor, distributed, nn
from torch.distributed.algorithms.ddp_comm_hooks import default_hooks
from torch.nn.parallel import DistributedDataParallel

from pix2pix.config import TrainConfig


def rank() -> int:
    """Return the number of this process among the workers, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def world_size() -> int:
    """Return the number of workers that train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def wrapping_options() -> dict[str, bool]:
    """Return the options of DistributedDataParallel for our networks.

    Each rank keeps its own batch-norm statistics (see `average_buffers`). By default, those of rank
    0 would be copied before each of the two passes of the discriminator, and the second copy would
    overwrite values that the gradients of the first pass need.
    """
    known = inspect.signature(DistributedDataParallel).parameters
    # torch 2.14 renamed the option.
    option = "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"
    return {option: False}


def unwrap(network: nn.Module) -> nn.Module:
    """Return the network inside a DistributedDataParallel, or the network itself."""
    return network.module if isinstance(network, DistributedDataParallel) else network


def exchange_gradients(network: nn.Module, config: TrainConfig) -> None:
    """Make a newly wrapped network average its gradients in `config.gradient_exchange`.

    bfloat16 halves the amount of data, and rounds gradients and their sums to 8 significant bits.
    """
    if not isinstance(network, DistributedDataParallel):
        return
    match config.gradient_exchange:
        case "float32":
            pass  # the default of DistributedDataParallel
        case "bfloat16":
            network.register_comm_hook(network.process_group, _average_in_bfloat16)
        case _:
            assert_never(config.gradient_exchange)


def _average_in_bfloat16(
    group: distributed.ProcessGroup,
    bucket: distributed.GradBucket,  # type: ignore[name-defined]
) -> torch.futures.Future[Tensor]:
    # Under its own name, torch refuses this hook in builds without CUDA, although gloo can add
    # bfloat16.
    return default_hooks.bf16_compress_hook(group, bucket)


def exchange_only_if(is_last: bool, network: nn.Module) -> AbstractContextManager[None]:
    """Return the context for a microbatch, in which only the last one exchanges gradients."""
    if is_last or not isinstance(network, DistributedDataParallel):
        return nullcontext()
    return network.no_sync()


def share_weight(num_pairs: int, batch_size: int) -> float:
    """Return the weight of this rank's mean over `num_pairs` in the mean over ranks.

    Gradients are averaged over ranks. If ranks have different numbers of pairs of a batch, the mean
    over the batch is the mean over ranks with these weights. It is 1 if the numbers are equal.
    """
    return num_pairs * world_size() / batch_size if world_size() > 1 else 1.0


def sum_over_ranks(values: Tensor) -> Tensor:
    """Return the elementwise sum over all ranks, in the shape of `values`."""
    if world_size() > 1:
        values = values.clone()
        distributed.all_reduce(values)
    return values


def average_buffers(network: nn.Module) -> None:
    """Replace the batch-norm statistics of this rank's pairs by the mean over all ranks."""
    if world_size() == 1:
        return
    for buffer in network.buffers():
        if buffer.is_floating_point():
            buffer.copy_(sum_over_ranks(buffer) / world_size())


def gather_over_ranks(values: Tensor) -> Tensor:
    """Return the values (n,) of all ranks as (world_size, n), on the device of the networks."""
    if world_size() == 1:
        return values[None]
    gathered = [torch.empty_like(values) for _ in range(world_size())]
    distributed.all_gather(gathered, values)
    return torch.stack(gathered)


def any_over_ranks(flag: bool, device: torch.device) -> bool:
    """Return whether the flag is true on any rank; `device` is that of the networks."""
    if world_size() == 1:
        return flag
    largest = torch.tensor(int(flag), device=device)
    distributed.all_reduce(largest, op=distributed.ReduceOp.MAX)
    return bool(largest)


def to_host(values: Tensor) -> tuple[Tensor, Callable[[], None]]:
    """Start to copy values to the host; the function that is returned waits until they are there.

    Nothing waits for what the device is told to do afterwards. Values on the host are not copied.
    """
    copy = values.to("cpu", non_blocking=True)
    if not values.is_cuda:
        return copy, lambda: None
    arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
    arrived.record()
    return copy, arrived.synchronize


class LateMax:
    """The largest of one integer per rank, exchanged while a step is computed.

    The host does not wait for the exchange: it learns the result one call later.
    """

    def __init__(self, device: torch.device) -> None:
        """`device` is that of the networks."""
        self._device = device
        self._pending: tuple[Tensor, Callable[[], object]] | None = None

    def exchanged(self, value: int) -> int:
        """Start to exchange a value, and return the largest one of the call before (at first 0).

        With one rank there is nothing to wait for, and the result is the value itself.
        """
        if world_size() == 1:
            return value
        earlier = self.last()
        largest = torch.full((), value, device=self._device)
        work = distributed.all_reduce(largest, op=distributed.ReduceOp.MAX, async_op=True)
        self._pending = (largest, work.wait)
        if largest.is_cuda:
            work.wait()  # the device waits, the host does not
            self._pending = to_host(largest)
        return earlier

    def last(self) -> int:
        """Wait for the exchange that was started last, and return its result; 0 if none was."""
        if self._pending is None:
            return 0
        largest, wait = self._pending
        self._pending = None
        wait()
        return int(largest)
