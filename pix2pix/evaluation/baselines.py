"""What a trivial answer would score: the source itself, the mean target, other real targets.

Images are (N, C, H, W) float32 in [-1, 1]. A model that does not beat the first two has learned
nothing. The third is how far two sets of real images of this size lie apart: fakes belong to the
very scenes of the test set, so they can come closer, and beyond it they look less real.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pix2pix.errors import UserError

IDENTITY = "identity"
MEAN_TARGET = "mean_target"
REAL_VS_REAL = "real_vs_real"

# ITU-R BT.601, as in pix2pix.images.image.
_LUMA = (0.299, 0.587, 0.114)


def identity_channels(source_channels: int, target_channels: int) -> str | None:
    """None if `identity_fake` can show the source as the answer, otherwise the reason why not."""
    if source_channels == target_channels or 1 in (source_channels, target_channels):
        return None
    return f"{IDENTITY} is absent: {source_channels} channels cannot stand for {target_channels}"


def identity_fake(source: Tensor, target_channels: int) -> Tensor:
    """The source as if it were the answer, (N, target_channels, H, W).

    One channel is replicated; to one channel, RGB becomes luma and other counts their mean.
    Raises UserError for other differing counts, see `identity_channels`.
    """
    channels = source.shape[1]
    reason = identity_channels(channels, target_channels)
    if reason is not None:
        raise UserError(reason)
    if channels == target_channels:
        return source
    if channels == 1:
        return source.expand(-1, target_channels, -1, -1)
    if channels == len(_LUMA):
        weights = torch.tensor(_LUMA, dtype=source.dtype, device=source.device)
        return torch.einsum("nchw,c->nhw", source, weights).unsqueeze(1)
    return source.mean(dim=1, keepdim=True)


def mean_image(batches: Iterable[Tensor], *, size_px: tuple[int, int] | None = None) -> Tensor:
    """Per-pixel mean, (1, C, H, W) float32, of the training targets given in batches.

    Targets of unlike sizes are first stretched to `size_px` (height, width). Raises UserError if
    there are none.
    """
    total: Tensor | None = None
    num_images = 0
    for batch in batches:
        images = batch if size_px is None else _stretched(batch, size_px)
        batch_total = images.double().sum(dim=0, keepdim=True)
        total = batch_total if total is None else total + batch_total
        num_images += len(images)
    if total is None or not num_images:
        raise ValueError("no training targets to average")
    return (total / num_images).float()


def mean_target_fake(mean: Tensor, like: Tensor) -> Tensor:
    """The mean image as the answer to every source: (N, C, H, W) as `like`.

    `mean` is (1, C, h, w); training images may be stored larger than test images, so it is resized.
    """
    mean = mean.to(like.device)
    if mean.shape[2:] != like.shape[2:]:
        mean = _stretched(mean, like.shape[2:])
    return mean.expand(len(like), -1, -1, -1)


def _stretched(images: Tensor, size_px: Sequence[int]) -> Tensor:
    return F.interpolate(images, size=list(size_px), mode="bilinear", antialias=True)


def reference_indices(num_available: int, num_images: int, *, seed: int) -> np.ndarray:
    """Which training targets to compare with the test targets for the real-vs-real floor.

    As many as there are test images, because a Frechet distance grows as sets shrink; all of them
    if there are fewer. Sorted, without repetition.
    """
    chosen = np.random.default_rng(seed).permutation(num_available)[:num_images]
    return np.sort(chosen)
