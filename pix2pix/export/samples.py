"""Images on which smaller files are calibrated and measured."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pix2pix.checkpoint import ModelCard
from pix2pix.config import height_width
from pix2pix.data.ranges import to_network
from pix2pix.export.parity import BatchSize, random_sources
from pix2pix.images.masked import masked_array, with_fill
from pix2pix.images.scale import to_scale


class Samples(NamedTuple):
    """Sources (1, C, H, W) in [-1, 1] for smaller files.

    Half of them calibrate int8, and the error is measured on the others.
    """

    sources: Sequence[Tensor]
    origin: str  # for people, such as "8 dev images"


def real_samples(card: ModelCard, sources: Sequence[np.ndarray]) -> Samples:
    """Sources (H, W, C) of the dev split with the values of files, as the network receives them."""
    return Samples([_network_input(card, each) for each in sources], f"{len(sources)} dev images")


def random_samples(card: ModelCard) -> Samples:
    """A random image of the training's size, where there are no real ones."""
    size = BatchSize(1, *height_width(card.image_size))
    return Samples([random_sources(size, card.source.channels)], "a random image")


def _network_input(card: ModelCard, image: np.ndarray) -> Tensor:
    side = card.source
    pixels = with_fill(to_scale(masked_array(image, side), side, card.image_scale), side)
    return to_network(torch.from_numpy(pixels[None].copy()), side.value_range).contiguous()
