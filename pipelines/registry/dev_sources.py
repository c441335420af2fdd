"""Sources of the dev split with the values of image files: examples of what a model takes."""

from pathlib import Path

import numpy as np

from pix2pix.checkpoint import ModelCard
from pix2pix.config import height_width
from pix2pix.data.manifest import MANIFEST_NAME, SideRecord, load_manifest
from pix2pix.data.masks import NO_SOURCE
from pix2pix.data.prepared import PreparedSplit, open_split
from pix2pix.images.labels import class_to_void
from pix2pix.images.nodata import written_nodata
from pix2pix.images.validity import filled


def dev_sources(card: ModelCard, prepared_dir: Path, *, limit: int) -> list[dict[str, np.ndarray]]:
    """The first dev images (H, W, C) by name of the source, cut to the size of the training.

    The list is empty if there are no prepared data, or if the model was trained on others.
    """
    if not (prepared_dir / MANIFEST_NAME).is_file():
        return []
    if load_manifest(prepared_dir).data_hash != card.data_hash:
        return []
    split = open_split(prepared_dir, "dev")
    return [_sources(card, split, index) for index in range(min(limit, len(split)))]


def _sources(card: ModelCard, split: PreparedSplit, index: int) -> dict[str, np.ndarray]:
    height, width = height_width(card.image_size)
    images = [
        class_to_void(np.asarray(each[index]), side)
        for each, side in zip(split.sources, card.sources.values(), strict=True)
    ]
    images[0] = _with_nodata(images[0], split, index, card.source)  # the others have all values
    return {name: image[:height, :width] for name, image in zip(card.sources, images, strict=True)}


def _with_nodata(
    image: np.ndarray, split: PreparedSplit, index: int, side: SideRecord
) -> np.ndarray:
    """The source with the value by which its files mark pixels without a value."""
    nodata = written_nodata(side, image.dtype)
    if split.mask is None or nodata is None:
        return image
    return filled(image, np.asarray(split.mask[index])[..., 0] != NO_SOURCE, nodata)
