"""How close each fake is to its target: L1, PSNR and SSIM per image.

Images are (N, C, H, W) float32 in [-1, 1]. They are rescaled to [0, 1], so that scores do not
depend on the stored dtype. Each image is scored by itself, so that scores do not depend on the
batch.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from pix2pix.config import SMALLEST_PX
from pix2pix.evaluation.masked_ssim import masked_ssim_map
from pix2pix.valid_pixels import mean_of_valid

# An exact copy has infinite PSNR, and one such image would make the mean infinite. 100 dB is a root
# mean square error of 1e-5 of the range, about the rounding error of 16-bit pixels.
MAX_PSNR_DB = 100.0

_HALF_WINDOW_PX = SMALLEST_PX // 2  # of SSIM's Gaussian window

# SSIM of larger images is computed strip by strip, because it needs about 700 bytes for a pixel.
_STRIP_PIXELS = 2**20


class Quality(NamedTuple):
    """Scores of N images, each (N,) float64: L1 in [0, 1], PSNR in dB, SSIM in [-1, 1]."""

    l1: np.ndarray
    psnr_db: np.ndarray
    ssim: np.ndarray


def image_quality(fake: Tensor, target: Tensor, valid: Tensor | None = None) -> Quality:
    """Score each fake against its target, both (N, C, H, W) in [-1, 1].

    `valid` (N, 1, H, W) bool says which pixels count, None: all. L1 is the mean over channels and
    pixels. PSNR has a data range of 1 and is capped at `MAX_PSNR_DB`. SSIM is that of Wang et al.
    2004, averaged over channels; see `masked_ssim_map`.
    Raises ValueError if the shapes differ or an image is smaller than SSIM's window.
    """
    if fake.shape != target.shape or fake.ndim != 4:
        raise ValueError(
            "fake and target must be (N, C, H, W) of one shape, got "
            f"{tuple(fake.shape)} and {tuple(target.shape)}"
        )
    if min(fake.shape[2:]) < SMALLEST_PX:
        raise ValueError(f"SSIM needs at least {SMALLEST_PX} px a side, got {tuple(fake.shape)}")
    fake, target = _to_unit(fake), _to_unit(target)
    # Contiguous, because the order of a float sum depends on the layout of the tensors.
    error = (fake - target).double().contiguous()
    mean_square = mean_of_valid(error.square(), valid).clamp(min=10 ** (-MAX_PSNR_DB / 10))
    return Quality(
        l1=mean_of_valid(error.abs(), valid).cpu().numpy(),
        psnr_db=(-10 * torch.log10(mean_square)).cpu().numpy(),
        ssim=_ssim(fake, target, valid).double().cpu().numpy(),
    )


def _ssim(fake: Tensor, target: Tensor, valid: Tensor | None) -> Tensor:
    strips = []
    for rows, inside in _strips(*fake.shape[2:]):
        part = None if valid is None else valid[..., rows, :]
        strips.append(_ssim_map(fake[..., rows, :], target[..., rows, :], part)[..., inside, :])
    ssim = torch.cat(strips, dim=2)
    return ssim.flatten(start_dim=1).mean(-1) if valid is None else mean_of_valid(ssim, valid)


def _strips(height: int, width: int) -> Iterator[tuple[slice, slice]]:
    """The rows of each strip with all that its windows see, and those of its own among them."""
    num_rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, num_rows):
        first = max(0, top - _HALF_WINDOW_PX)
        bottom = min(height, top + num_rows)
        last = min(height, bottom + _HALF_WINDOW_PX)
        yield slice(first, last), slice(top - first, bottom - first)


def _ssim_map(fake: Tensor, target: Tensor, valid: Tensor | None) -> Tensor:
    """The SSIM of the window around each pixel, (N, C, H, W)."""
    if valid is not None:
        return masked_ssim_map(fake, target, valid)
    # The window's convolution, channel by channel, takes half the time in this layout on a CPU.
    fake, target = (image.contiguous(memory_format=torch.channels_last) for image in (fake, target))
    _, ssim = structural_similarity_index_measure(
        fake, target, reduction="none", data_range=1.0, return_full_image=True
    )
    return ssim.contiguous()


def _to_unit(images: Tensor) -> Tensor:
    """Return images in [0, 1] for [-1, 1], not clipped: values outside the range must count."""
    return (images.detach().float() + 1.0) / 2.0
