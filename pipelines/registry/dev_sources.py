"""Real sources for an export: some of the dev split that the model was chosen with."""

from itertools import islice

import numpy as np
import torch

from pipelines.paths import PREPARED_DIR
from pix2pix.checkpoint import ModelCard
from pix2pix.data.manifest import MANIFEST_NAME, load_manifest
from pix2pix.data.prepared import open_split
from pix2pix.data.ranges import to_network
from pix2pix.export.folder import Samples

_MOST_PIXELS = 2**20


def dev_sources(card: ModelCard, *, limit: int) -> list[np.ndarray]:
    """The first dev sources (H, W, C) of at most a megapixel, as prepared arrays store them.

    The list is empty if data/prepared is missing, or is not the data that the model was trained on.
    """
    if not (PREPARED_DIR / MANIFEST_NAME).is_file():
        return []
    if load_manifest(PREPARED_DIR).data_hash != card.data_hash:
        return []
    split = open_split(PREPARED_DIR, "dev")
    images = (np.asarray(split.source[index]) for index in range(len(split)))
    small = (image for image in images if image.shape[0] * image.shape[1] <= _MOST_PIXELS)
    return list(islice(small, limit))


def as_samples(sources: list[np.ndarray], card: ModelCard) -> Samples | None:
    """The sources as the network receives them; None if there are none."""
    if not sources:
        return None
    tensors = [
        to_network(torch.from_numpy(image[None].copy()), card.source.value_range).contiguous()
        for image in sources
    ]
    return Samples(tensors, f"{len(tensors)} dev images")
