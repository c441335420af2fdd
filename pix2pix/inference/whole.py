"""Translate whole images at once: the fastest way for all that fit into memory."""

from collections.abc import Sequence

import numpy as np
import torch

from pix2pix.data.sources import join_sources
from pix2pix.inference.answers import stored_values
from pix2pix.model_card import ModelCard
from pix2pix.models import InferenceNetwork, translate


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
