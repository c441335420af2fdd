"""Pad images to a size that a U-Net can halve."""

import torch
from torch import Tensor


def pad_to_multiple(images: Tensor, multiple: int) -> Tensor:
    """Reflect (N, C, H, W) at the right and at the bottom until H and W are multiples.

    Images that already are of such a size are returned as they are. The edge pixels are not
    repeated, and an image that is much smaller is reflected several times.
    """
    height, width = images.shape[-2:]
    if not height % multiple and not width % multiple:
        return images
    rows, columns = (_reflection(length, multiple).to(images.device) for length in (height, width))
    return images.index_select(-2, rows).index_select(-1, columns)


def _reflection(length: int, multiple: int) -> Tensor:
    """Which pixel of a line of `length` stands at each place of the padded line."""
    places = torch.arange(length + -length % multiple)
    period = max(2 * (length - 1), 1)
    places %= period
    return torch.minimum(places, period - places) if length > 1 else torch.zeros_like(places)
