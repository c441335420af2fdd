"""Baselines to compare a model with: the source itself, the mean target, other real targets.

Images are (N, C, H, W) float32 in [-1, 1]. A model that is not better than the first two has
learned nothing. The third is the distance between two sets of real images of this size. The
distance of a model may be smaller, because its fakes show the scenes of the test set. If it is
larger, the fakes look less real than real images.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from pix2pix.config import why_not_as_target

IDENTITY = "identity"
MEAN_TARGET = "mean_target"
REAL_VS_REAL = "real_vs_real"

_TINY = 1e-6  # of the weight of a pixel; less is a rounding error of stretching


def why_no_identity(source_channels: int, target_channels: int) -> str | None:
    """Return why there is no `identity_fake` for these numbers of channels; None if there is."""
    reason = why_not_as_target(source_channels, target_channels)
    return None if reason is None else f"{IDENTITY} is absent: {reason}"


def mean_image(
    batches: Iterable[tuple[Tensor, Tensor | None]], *, size_px: tuple[int, int] | None = None
) -> Tensor:
    """Return the mean of each pixel, (1, C, H, W) float32, of training targets given in batches.

    Each batch is targets and which of their pixels count, (N, 1, H, W) bool; None: all. The mean is
    that of the valid pixels, and -1 where no target has one. Targets of unlike sizes are first
    stretched to `size_px` (height, width). Raises ValueError if there are none.
    """
    total: Tensor | None = None
    weight: Tensor | float = 0.0
    for targets, valid in batches:
        shares = None if valid is None else valid.to(targets.dtype)
        images = targets if shares is None else targets * shares
        if size_px is not None:
            images = _stretched(images, size_px)
            shares = None if shares is None else _stretched(shares, size_px)
        batch_total = images.double().sum(dim=0, keepdim=True)
        total = batch_total if total is None else total + batch_total
        weight += len(images) if shares is None else shares.double().sum(dim=0, keepdim=True)
    if total is None or not torch.as_tensor(weight).any():
        raise ValueError("no training targets to average")
    if isinstance(weight, float):
        return (total / weight).float()
    return torch.where(weight > _TINY, total / weight, -1.0).float()


def mean_target_fake(mean: Tensor, like: Tensor) -> Tensor:
    """Return the mean image as the fake of every source, with the shape (N, C, H, W) of `like`.

    `mean` is (1, C, h, w). It is resized, as training images may be larger than test images.
    """
    mean = mean.to(like.device)
    if mean.shape[2:] != like.shape[2:]:
        mean = _stretched(mean, like.shape[2:])
    return mean.expand(len(like), -1, -1, -1)


def _stretched(images: Tensor, size_px: Sequence[int]) -> Tensor:
    return F.interpolate(images, size=list(size_px), mode="bilinear", antialias=True)
