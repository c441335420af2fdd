"""Translate whole images at once: the fastest way for all that fit into memory."""

from collections.abc import Sequence

import numpy as np
import torch

from pix2pix.checkpoint import ModelCard
from pix2pix.data.sources import join_sources
from pix2pix.inference.values import stored_values
from pix2pix.models import InferenceNetwork, translate

_MAPS = 1.25  # floats of working memory per input pixel and base channel; measured: 1.1 at 64


def translate_whole(
    network: InferenceNetwork, card: ModelCard, images: Sequence[Sequence[np.ndarray]]
) -> np.ndarray:
    """Translate images of one size to (N, H, W, C') of the target's dtype.

    Each item of `images` has an image (H, W, C_i) for each source.
    """
    raws = [torch.from_numpy(np.stack(each)) for each in zip(*images, strict=True)]
    sides = list(card.sources.values())
    source = join_sources([raw.to(network.device) for raw in raws], sides)
    fake = translate(network, source.contiguous(), seeds=[card.seed] * len(images))
    return stored_values(fake, card)


def whole_bytes(card: ModelCard, padded_size: tuple[int, int]) -> int:
    """Estimate the working memory for one image of this height and width.

    The outermost level of the U-Net needs the most: its feature maps have a quarter of the image's
    pixels, and the skip connection, the upsampled map and their concatenation exist at the same
    time. `_MAPS` is this amount as measured, rounded up.
    """
    channels = card.generator.source_channels + card.generator.target_channels
    floats = round(_MAPS * card.generator.base_channels) + 4 * channels
    return 4 * floats * padded_size[0] * padded_size[1]
