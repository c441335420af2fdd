"""What the prepared arrays hold of a pair: its images, resized."""

import numpy as np

from pix2pix.config import DataConfig
from pix2pix.data.manifest import Manifest
from pix2pix.data.masks import masked_pair
from pix2pix.data.splits import Split
from pix2pix.images.scale import to_size
from pix2pix.preparation.photos import made_pair
from pix2pix.preparation.read_pairs import read_pair, read_photo
from pix2pix.preparation.report import CheckedPair


def resized_pair(
    pair: CheckedPair, *, manifest: Manifest, split: Split, config: DataConfig
) -> tuple[np.ndarray, ...]:
    """Read a pair and resize it, for a row of each array of `split`.

    Where images have unlike sizes, height and width are before the images. Raises BadPair if the
    files are no longer those of the checks.
    """
    height, width = manifest.scale(split).size_of(*pair.size)
    images = (
        _made(pair, split, config)
        if config.layout == "photos"
        else _read(pair, manifest, config, size=(height, width))
    )
    return (
        images if manifest.resize == "stretch" else (np.array([height, width], np.int64), *images)
    )


def as_test_target(
    pair: CheckedPair, *, manifest: Manifest, config: DataConfig
) -> tuple[np.ndarray, ...]:
    """The target of a pair, resized as if the pair was of the test split."""
    images = resized_pair(pair, manifest=manifest, split="test", config=config)
    return (images[1],)  # behind the source; with `stretch`, no size is before them


def _made(pair: CheckedPair, split: Split, config: DataConfig) -> tuple[np.ndarray, ...]:
    """Source and target, of which a recipe makes one from a photo."""
    photo, facts = read_photo(pair.files, config)
    made = made_pair(photo, config, pair_id=pair.files.pair_id, file_dtype=facts.dtype, split=split)
    return made.by_role(config)


def _read(
    pair: CheckedPair, manifest: Manifest, config: DataConfig, *, size: tuple[int, int]
) -> tuple[np.ndarray, ...]:
    """Source, target, the mask if there is one, and extra sources, resized."""
    read = read_pair(pair.files, config)
    records = (manifest.source, manifest.target)
    source, target, *extra = (
        to_size(image.as_dtype(record.dtype), record, *size)
        for image, record in zip(read.images, (*records, *manifest.extra_sides), strict=True)
    )
    images: tuple[np.ndarray, ...] = (
        masked_pair(source, target, records=records)
        if manifest.is_masked
        else (source.pixels, target.pixels)
    )
    return (*images, *(image.pixels for image in extra))
