"""Batch norm whose statistics are those of all ranks' images together (`train.sync_batch_norm`).

torch.nn.SyncBatchNorm refuses CPU tensors. With this module, training on CPUs, and so every test of
several workers, computes the same as training on GPUs. Each rank computes mean and variance of its
own images, and these are merged, weighted by the numbers of images (Chan, Golub and LeVeque 1979).
So ranks may have different numbers of images, and no precision is lost in a difference of squares.
"""

# Images are (N, C, H, W) of any floating type and layout; statistics (C,), float32 or wider.

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pix2pix.training.distributed import gather_over_ranks, sum_over_ranks, world_size

_ALL_BUT_CHANNELS = (0, 2, 3)


class SharedBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm2d over the images of all ranks in training mode; the same parameters and buffers.

    Every rank must call it, and go backwards through it, equally often. It is BatchNorm2d itself
    for one process, in eval mode, and while running statistics are off.
    """

    # This class uses them only where they are not None.
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images, in the type and layout of `images`."""
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
    """Replace each BatchNorm2d in `network`, and return it; parameters and buffers are kept.

    To be called before the network is wrapped for several workers. The state dict keeps its keys.
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
    """Of each channel over all ranks; the same bits on every rank."""

    mean: Tensor
    variance: Tensor  # biased
    num_values: Tensor  # per channel, a float64 scalar


@torch.no_grad()
def _statistics(images: Tensor) -> _Statistics:
    variance, mean = torch.var_mean(_wide(images), dim=_ALL_BUT_CHANNELS, correction=0)
    count = mean.new_tensor([images.numel() // images.shape[1]], dtype=torch.float64)
    # One exchange, in float64, as counts above 2**24 are no float32.
    of_ranks = gather_over_ranks(torch.cat([mean.double(), variance.double(), count]))
    means, variances, counts = torch.split(of_ranks, [len(mean), len(mean), 1], dim=1)
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
        """Gradients of the images, by sums over all ranks, and this rank's of scale and offset.

        DistributedDataParallel averages those of scale and offset over ranks, as of all parameters.
        """
        images, weight, mean, scale, num_values = ctx.saved_tensors
        gradient = _wide(gradient)
        normalized = (_wide(images) - _over_pixels(mean)) * _over_pixels(scale)
        offsets = gradient.sum(dim=_ALL_BUT_CHANNELS)
        scales = (gradient * normalized).sum(dim=_ALL_BUT_CHANNELS)
        of_images = None
        if ctx.needs_input_grad[0]:
            sums = sum_over_ranks(torch.stack([offsets, scales])) / num_values.to(offsets.dtype)
            of_images = gradient - _over_pixels(sums[0]) - normalized * _over_pixels(sums[1])
            of_images *= _over_pixels(scale if weight is None else scale * weight)
            of_images = of_images.to(images.dtype)
        if weight is None:
            return of_images, None, None, None, None
        return of_images, scales, offsets, None, None


def _wide(values: Tensor) -> Tensor:
    """Values in float32 or wider: sums in bfloat16, which autocast passes in, lose precision."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def _over_pixels(channels: Tensor) -> Tensor:
    return channels[:, None, None]
