"""The source as a first guess of the target, to which a generator may add what it learns.

Such residual learning suits tasks whose targets keep most of the source, such as denoising (Zhang
et al. 2017, DnCNN, sec. III) and super-resolution (Kim et al. 2016, VDSR, sec. 3.2). The published
pix2pix networks do not use it: their first layer halves the image, so that fine details have to be
drawn anew.

Images are (N, C, H, W) float32 in [-1, 1].
"""

import torch
from torch import Tensor

from pix2pix.config import why_not_as_target
from pix2pix.errors import UserError
from pix2pix.images.luma import LUMA

# tanh is so flat near -1 and 1 that hardly any gradient would pass. 0.98 is 2.5 grey levels of 255
# from the end, which the generator can learn to add.
_LARGEST = 0.98


def as_target(source: Tensor, target_channels: int) -> Tensor:
    """Return the source with as many channels as the target.

    A single channel is replicated. If the target has one channel, RGB becomes luma, and other
    channels become their mean. Raises UserError in all other cases, see `why_not_as_target`.
    """
    channels = source.shape[1]
    reason = why_not_as_target(channels, target_channels)
    if reason is not None:
        raise UserError(reason)
    if channels == target_channels:
        return source
    if channels == 1:
        return source.expand(-1, target_channels, -1, -1)
    if channels == len(LUMA):
        weights = torch.tensor(LUMA, dtype=source.dtype, device=source.device)
        return (source * weights.view(1, -1, 1, 1)).sum(dim=1, keepdim=True)
    return source.mean(dim=1, keepdim=True)


def added_to_source(values: Tensor, source: Tensor) -> Tensor:
    """Return `values`, which are to pass through tanh, shifted so that zero means the source."""
    start = as_target(source, values.shape[1]).clamp(-_LARGEST, _LARGEST)
    return values + torch.atanh(start)
