"""Images on which smaller files are calibrated and measured."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pix2pix.config import height_width
from pix2pix.data.sources import join_sources
from pix2pix.export.parity import BatchSize, random_sources
from pix2pix.inference.source_images import conformed_batch, filled_sources, fitted, resized
from pix2pix.model_card import ModelCard
from pix2pix.plural import counted


class Samples(NamedTuple):
    """Sources (1, C, H, W) in [-1, 1] for smaller files.

    Half of them calibrate int8, and the error is measured on the others.
    """

    sources: Sequence[Tensor]
    origin: str  # for people, such as "8 dev images"


def real_samples(card: ModelCard, sources: Sequence[Mapping[str, np.ndarray]]) -> Samples:
    """Dev images (H, W, C_i) by source with the values of files, as the network receives them."""
    return Samples(
        [_network_input(card, each) for each in sources], counted(len(sources), "dev image")
    )


def random_samples(card: ModelCard) -> Samples:
    """A random image of the training's size, where there are no real ones."""
    size = BatchSize(1, *height_width(card.image_size))
    return Samples([random_sources(size, card.generator.source_channels)], "a random image")


def _network_input(card: ModelCard, images: Mapping[str, np.ndarray]) -> Tensor:
    (conformed,) = conformed_batch(card, {name: image[None] for name, image in images.items()})
    whole = fitted(card, conformed)
    size = card.image_scale.size_of(*whole[0].pixels.shape[:2])
    shown = filled_sources(card, resized(card, whole, size))
    raws = [torch.from_numpy(pixels[None].copy()) for pixels in shown]
    return join_sources(raws, list(card.sources.values())).contiguous()
