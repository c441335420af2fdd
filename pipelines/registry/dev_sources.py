"""Sources of the dev split with the values of image files: examples of what a model takes."""

from pathlib import Path

import numpy as np

from pix2pix.config import height_width
from pix2pix.data.manifest import FIRST_SOURCE, MANIFEST_NAME, SideRecord, load_manifest
from pix2pix.data.masks import NO_SOURCE
from pix2pix.data.prepared import PreparedSplit, open_split
from pix2pix.images.labels import class_to_void
from pix2pix.images.nodata import written_nodata
from pix2pix.images.scale import to_size
from pix2pix.images.validity import Masked, filled
from pix2pix.model_card import ModelCard


def dev_sources(card: ModelCard, prepared_dir: Path, *, limit: int) -> list[dict[str, np.ndarray]]:
    """The first dev images (H, W, C) by name of the source, cut to the size of the training.

    Stored sources have the size of their targets; here each has the size that its files have beside
    the target, as a caller would send it. The list is empty if there are no prepared data, or if
    the model was trained on others.
    """
    if not (prepared_dir / MANIFEST_NAME).is_file():
        return []
    if load_manifest(prepared_dir).data_hash != card.data_hash:
        return []
    split = open_split(prepared_dir, "dev")
    return [_sources(card, split, index) for index in range(min(limit, len(split)))]


def _sources(card: ModelCard, split: PreparedSplit, index: int) -> dict[str, np.ndarray]:
    height, width = height_width(card.image_size)
    stored = [np.asarray(each[index])[:height, :width] for each in split.sources]
    sizes = card.source_sizes(*stored[0].shape[:2])
    images = {}
    for image, (name, side) in zip(stored, card.sources.items(), strict=True):
        valid = _valid(split, index, height, width) if name == FIRST_SOURCE else None
        images[name] = _as_in_files(to_size(Masked(image, valid), side, *sizes[name]), side)
    return images


def _valid(split: PreparedSplit, index: int, height: int, width: int) -> np.ndarray | None:
    """Which pixels of the first source have a value; the other sources have all values."""
    if split.mask is None:
        return None
    valid: np.ndarray = np.asarray(split.mask[index])[:height, :width, 0] != NO_SOURCE
    return valid


def _as_in_files(image: Masked, side: SideRecord) -> np.ndarray:
    """The values of files: void_label, and what marks pixels without a value."""
    pixels = class_to_void(image.pixels, side)
    nodata = written_nodata(side, pixels.dtype)
    return pixels if nodata is None else filled(pixels, image.valid, nodata)
