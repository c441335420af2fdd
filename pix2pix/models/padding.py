"""Pad images to a size that a U-Net can halve."""

from collections.abc import Sequence

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
    return reflect_to_multiple(images, multiple)


def padded_size(size: Sequence[int], multiple: int) -> tuple[int, int]:
    """Height and width that images of this height and width have after `pad_to_multiple`."""
    height, width = (-(-length // multiple) * multiple for length in size)
    return height, width


def reflect_to_multiple(images: Tensor, multiple: int) -> Tensor:
    """Pad (N, C, H, W) as `pad_to_multiple`, but copy images of every size.

    No step depends on H and W, so torch.export can keep them unknown.
    """
    rows, columns = (
        _reflection(length, multiple).to(images.device) for length in images.shape[-2:]
    )
    return images.index_select(-2, rows).index_select(-1, columns)


def _reflection(length: int, multiple: int) -> Tensor:
    """Which pixel of a line of `length` stands at each place of the padded line."""
    last = torch.arange(length)[-1:]
    period = (2 * last).clamp(min=1)
    places = torch.arange((length + multiple - 1) // multiple * multiple) % period
    return torch.minimum(places, period - places)
