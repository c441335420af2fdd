"""Batch norm whose statistics are those of all ranks' images together (`train.sync_batch_norm`).

torch.nn.SyncBatchNorm refuses CPU tensors. With this module, training on CPUs, and so each test
with several workers, computes the same as training on GPUs. Each rank computes mean and variance of
its own images, and these are merged, weighted by the numbers of images (Chan, Golub and LeVeque
1979). So ranks may have different numbers of images, and no precision is lost in a difference of
squares.
"""

# Images are (N, C, H, W) of any floating type and layout; statistics (C,), float32 or wider.

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pix2pix.training.distributed import gather_over_ranks, sum_over_ranks, world_size

_ALL_BUT_CHANNELS = (0, 2, 3)


class SharedBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm2d over the images of all ranks in training mode, with the same parameters.

    Every rank must run it, forward and backward, the same number of times. With one process, in
    eval mode and without running statistics, it does the same as BatchNorm2d.
    """

    # This class uses them only if they are not None.
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def forward(self, images: Tensor) -> Tensor:
        """Return the normalised images, in the type and layout of `images`."""
        if world_size() == 1 or not (self.training and self.track_running_stats):
            return super().forward(images)
        self._check_input_dim(images)
        statistics = _statistics(images)
        self._track(statistics)
        normalized: Tensor = _Normalize.apply(images, self.weight, self.bias, statistics, self.eps)
        return normalized

    @torch.no_grad()
    def _track(self, statistics: "_Statistics") -> None:
        """Update the running statistics with the unbiased variance, as BatchNorm2d does."""
        mean, variance, num_values = statistics
        self.num_batches_tracked.add_(1)
        weight = 1.0 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), weight)
        unbiased = variance * (num_values / (num_values - 1))
        self.running_var.lerp_(unbiased.to(self.running_var.dtype), weight)


def with_shared_statistics(network: nn.Module) -> nn.Module:
    """Replace each BatchNorm2d in `network`, and return the network.

    Parameters, buffers and the keys of the state dict stay the same. Call this before the network
    is wrapped for several workers.
    """
    if type(network) is nn.BatchNorm2d:
        return _shared(network)
    for name, child in network.named_children():
        setattr(network, name, with_shared_statistics(child))
    return network


def _shared(norm: nn.BatchNorm2d) -> SharedBatchNorm2d:
    shared = SharedBatchNorm2d(
        norm.num_features,
        eps=norm.eps,
        momentum=norm.momentum,
        affine=norm.affine,
        track_running_stats=norm.track_running_stats,
    )
    for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
        setattr(shared, name, getattr(norm, name))
    return shared.train(norm.training)


class _Statistics(NamedTuple):
    """The statistics of each channel over all ranks; every rank has the same bits."""

    mean: Tensor
    variance: Tensor  # biased
    num_values: Tensor  # per channel, a float64 scalar


@torch.no_grad()
def _statistics(images: Tensor) -> _Statistics:
    variance, mean = torch.var_mean(_wide(images), dim=_ALL_BUT_CHANNELS, correction=0)
    count = mean.new_tensor([images.numel() // images.shape[1]], dtype=torch.float64)
    # One exchange in float64, because float32 cannot represent all counts above 2**24.
    parts_by_rank = gather_over_ranks(torch.cat([mean.double(), variance.double(), count]))
    means, variances, counts = torch.split(parts_by_rank, [len(mean), len(mean), 1], dim=1)
    shares = counts / counts.sum()
    merged = (shares * means).sum(dim=0)
    spread = (shares * (variances + (means - merged).square())).sum(dim=0)
    return _Statistics(merged.to(mean.dtype), spread.to(mean.dtype), counts.sum())


class _Normalize(torch.autograd.Function):
    """Batch norm with given statistics, whose gradients take into account all ranks' images."""

    @staticmethod
    def forward(
        ctx: Any,
        images: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        statistics: _Statistics,
        eps: float,
    ) -> Tensor:
        mean, variance, num_values = statistics
        ctx.save_for_backward(images, weight, mean, (variance + eps).rsqrt(), num_values)
        return F.batch_norm(images, mean, variance, weight, bias, training=False, eps=eps)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of images, scale and offset.

        Those of the images need sums over all ranks. Those of scale and offset are this rank's:
        DistributedDataParallel averages them over ranks, like those of all parameters.
        """
        images, weight, mean, scale, num_values = ctx.saved_tensors
        gradient = _wide(gradient)
        normalized = (_wide(images) - _over_pixels(mean)) * _over_pixels(scale)
        offsets = gradient.sum(dim=_ALL_BUT_CHANNELS)
        scales = (gradient * normalized).sum(dim=_ALL_BUT_CHANNELS)
        images_gradient = None
        if ctx.needs_input_grad[0]:
            sums = sum_over_ranks(torch.stack([offsets, scales])) / num_values.to(offsets.dtype)
            images_gradient = gradient - _over_pixels(sums[0]) - normalized * _over_pixels(sums[1])
            images_gradient *= _over_pixels(scale if weight is None else scale * weight)
            images_gradient = images_gradient.to(images.dtype)
        if weight is None:
            return images_gradient, None, None, None, None
        return images_gradient, scales, offsets, None, None


def _wide(values: Tensor) -> Tensor:
    """Return values in float32 or wider, as sums in bfloat16 (of autocast) lose precision."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def _over_pixels(channels: Tensor) -> Tensor:
    return channels[:, None, None]
