"""A model of a training step's time: what is computed, and what of the exchange is not hidden.

docs/scaling.md derives it. Everything here is arithmetic on numbers that are passed in.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from benchmarks.costs import Network, Networks

# DistributedDataParallel sends gradients in buckets; a bucket is full once it holds so much.
FIRST_BUCKET_BYTES = 2**20
BUCKET_BYTES = 25 * 2**20
_FLOAT32_BYTES = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """One worker's speed."""

    flops_per_s: float  # reached, not peak
    layer_s: float  # shortest pass through a layer, forward or backward: kernels take time to start
    optimizer_bytes_per_s: float

    def layer_times(self, flops: Iterable[int], batch: float) -> list[float]:
        """Seconds of each layer's pass."""
        return [max(batch * each / self.flops_per_s, self.layer_s) for each in flops]


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """Equal nodes of a few GPUs each; the network's bandwidth is that of a node, in one direction.

    Raises ValueError if the last node would not be full.
    """

    num_gpus: int
    gpus_per_node: int
    node_bytes_per_s: float  # between the GPUs of a node, per GPU
    network_bytes_per_s: float  # between nodes, per node
    node_latency_s: float  # of one message
    network_latency_s: float

    def __post_init__(self) -> None:
        if self.num_gpus > self.gpus_per_node and self.num_gpus % self.gpus_per_node:
            raise ValueError(
                f"num_gpus must be at most gpus_per_node ({self.gpus_per_node}) or a multiple of "
                f"it, got {self.num_gpus}"
            )

    def all_reduce_s(self, num_bytes: float) -> float:
        """Seconds to sum `num_bytes` over all GPUs: within the nodes, then between them.

        Reduce-scatter within a node, all-reduce of the shards between nodes, all-gather within.
        Each moves 2 (n - 1) / n of the bytes, as a ring does; the latency is that of a tree.
        """
        in_node = min(self.num_gpus, self.gpus_per_node)
        nodes = self.num_gpus // in_node
        return _all_reduce_s(
            num_bytes, in_node, bytes_per_s=self.node_bytes_per_s, latency_s=self.node_latency_s
        ) + _all_reduce_s(
            num_bytes, nodes, bytes_per_s=self.network_bytes_per_s, latency_s=self.network_latency_s
        )


def _all_reduce_s(num_bytes: float, size: int, *, bytes_per_s: float, latency_s: float) -> float:
    moved = 2 * (size - 1) / size * num_bytes
    return moved / bytes_per_s + 2 * math.ceil(math.log2(size)) * latency_s


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """What each worker does in a step."""

    batch: int  # images per worker
    num_microbatches: int = 1
    bytes_per_gradient: float = 4.0  # 2: bfloat16
    small_all_reduces: int = 0  # that the next step waits for
    overlaps: bool = True  # the exchange with the backward pass


@dataclass(frozen=True, slots=True)
class StepTime:
    """Seconds; the step takes `total_s`."""

    compute_s: float
    exchange_s: float  # if nothing was hidden
    exposed_s: float  # what is not hidden behind a backward pass

    @property
    def total_s(self) -> float:
        """Compute and what is left to wait for."""
        return self.compute_s + self.exposed_s


def step_time(networks: Networks, device: Device, cluster: Cluster, recipe: Recipe) -> StepTime:
    """The time of one step on `cluster`."""
    images = recipe.batch / recipe.num_microbatches
    exchange_s = exposed_s = recipe.small_all_reduces * cluster.all_reduce_s(_FLOAT32_BYTES)
    for network in (networks.generator, networks.discriminator):
        # Gradients are complete only in the last backward pass, so no other hides anything: that of
        # the last microbatch, and for D one of two, for fakes and reals add up to one loss.
        ends_s = list(accumulate(device.layer_times(network.backward_flops, images)))
        sent = buckets(network)
        times = [cluster.all_reduce_s(each.parameters * recipe.bytes_per_gradient) for each in sent]
        ready = [ends_s[each.last_layer] for each in sent]
        exchange_s += sum(times)
        exposed_s += _exposed_s(ready, times, ends_s[-1]) if recipe.overlaps else sum(times)
    return StepTime(compute_s(networks, device, recipe), exchange_s, exposed_s)


def compute_s(networks: Networks, device: Device, recipe: Recipe) -> float:
    """Forward and backward passes of all microbatches and the two updates."""
    images = recipe.batch / recipe.num_microbatches
    generator, discriminator = networks.generator, networks.discriminator
    forward_g = sum(device.layer_times((layer.flops for layer in generator.layers), images))
    forward_d = sum(device.layer_times((layer.flops for layer in discriminator.layers), images))
    backward_g = sum(device.layer_times(generator.backward_flops, images))
    backward_d = sum(device.layer_times(discriminator.backward_flops, images))
    # D judges fakes and reals, and then fakes for G: the latter's way back costs a forward pass.
    passes_s = forward_g + backward_g + 3 * forward_d + 2 * backward_d + forward_d
    if recipe.num_microbatches > 1:
        passes_s += forward_g  # D's update has fakes of its own: see pix2pix.training.microbatches
    update_s = networks.optimizer_bytes / device.optimizer_bytes_per_s
    return recipe.num_microbatches * passes_s + update_s


def efficiency(networks: Networks, device: Device, cluster: Cluster, recipe: Recipe) -> float:
    """Images per second and GPU, relative to one GPU with the same images per step and GPU."""
    alone = step_time(networks, device, replace(cluster, num_gpus=1), recipe)
    return alone.total_s / step_time(networks, device, cluster, recipe).total_s


@dataclass(frozen=True, slots=True)
class Bucket:
    """Gradients that are sent together."""

    parameters: int
    last_layer: int  # counted from the network's end: when its gradients are there, it is sent


def buckets(network: Network) -> list[Bucket]:
    """How DistributedDataParallel groups float32 gradients, in the order they become ready."""
    found: list[Bucket] = []
    held = 0
    for place, layer in enumerate(reversed(network.layers)):
        held += layer.parameters
        if held * _FLOAT32_BYTES >= (BUCKET_BYTES if found else FIRST_BUCKET_BYTES):
            found.append(Bucket(held, place))
            held = 0
    if held:
        found.append(Bucket(held, len(network.layers) - 1))
    return found


def _exposed_s(ready_s: Sequence[float], times_s: Sequence[float], backward_s: float) -> float:
    """What is left of the exchange when the backward pass is over: one bucket after another."""
    free_s = 0.0
    for ready, time in zip(ready_s, times_s, strict=True):
        free_s = max(free_s, ready) + time
    return free_s - backward_s
