"""Translate whole images at once: the fastest way for all that fit into memory."""

from collections.abc import Sequence

import numpy as np
import torch

from pix2pix.checkpoint import ModelCard
from pix2pix.data.ranges import to_network
from pix2pix.inference.values import stored_values
from pix2pix.models import InferenceNetwork, translate

_MAPS = 1.25  # floats of working memory per input pixel and base channel; measured: 1.1 at 64


def translate_whole(
    network: InferenceNetwork, card: ModelCard, images: Sequence[np.ndarray]
) -> np.ndarray:
    """Translate images (H, W, C) of one size to (N, H, W, C') of the target's dtype."""
    raw = torch.from_numpy(np.stack(images)).to(network.device)
    source = to_network(raw, card.source.value_range)
    fake = translate(network, source.contiguous(), seeds=[card.seed] * len(images))
    return stored_values(fake, card)


def whole_bytes(card: ModelCard, padded_size: tuple[int, int]) -> int:
    """Estimate the working memory for one image of this height and width.

    The outermost level of the U-Net needs the most: its feature maps have a quarter of the image's
    pixels, and the skip connection, the upsampled map and their concatenation exist at the same
    time. `_MAPS` is this amount as measured, rounded up.
    """
    channels = card.source.channels + card.target.channels
    floats = round(_MAPS * card.generator.base_channels) + 4 * channels
    return 4 * floats * padded_size[0] * padded_size[1]
