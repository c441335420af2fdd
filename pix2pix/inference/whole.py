"""Translate whole images at once: the fastest way for all that fit into memory."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pix2pix.checkpoint import ModelCard
from pix2pix.data.ranges import to_network
from pix2pix.inference.values import stored_values
from pix2pix.models import InferenceNetwork, translate

_MAPS = 1.25  # floats of working memory per input pixel and base channel; measured: 1.1 at 64


def translate_whole(
    network: InferenceNetwork, card: ModelCard, images: Sequence[np.ndarray]
) -> np.ndarray:
    """Translate images (H, W, C) of one size to (N, H, W, C') of the target's dtype."""
    height, width = images[0].shape[:2]
    raw = torch.from_numpy(np.stack(images)).to(network.device)
    source = _pad(to_network(raw, card.source.value_range), 2**card.generator.depth)
    fake = translate(network, source.contiguous(), seeds=[card.seed] * len(images))
    return stored_values(fake[:, :, :height, :width], card)


def whole_bytes(card: ModelCard, padded_size: tuple[int, int]) -> int:
    """Estimate the working memory for one image of this height and width.

    The outermost level of the U-Net needs the most: its feature maps have a quarter of the image's
    pixels, and the skip connection, the upsampled map and their concatenation exist at the same
    time. `_MAPS` is this amount as measured, rounded up.
    """
    channels = card.source.channels + card.target.channels
    floats = round(_MAPS * card.generator.base_channels) + 4 * channels
    return 4 * floats * padded_size[0] * padded_size[1]


def _pad(images: Tensor, multiple: int) -> Tensor:
    """Pad at the right and at the bottom until height and width are multiples of `multiple`.

    The padding reflects the image, or repeats its edge if the image is too small for that.
    """
    height, width = images.shape[-2:]
    below, right = -height % multiple, -width % multiple
    mode = "reflect" if below < height and right < width else "replicate"
    return F.pad(images, (0, right, 0, below), mode=mode)
