"""A picture of augmented pairs, to check by eye that source and target stay aligned."""

import numpy as np

from pix2pix.data.augment import Augmentation, augment_seed
from pix2pix.data.masked_augment import MaskedAugmentation
from pix2pix.data.masks import VALID, MaskedPair
from pix2pix.data.prepared import PreparedSplit
from pix2pix.images.grids import as_tile, image_grid

_SEPARATOR_PX = 2


def augmentation_sheet(
    pairs: PreparedSplit,
    augmentation: Augmentation,
    *,
    seed: int,
    num_pairs: int = 6,
    num_epochs: int = 6,
) -> np.ndarray:
    """Show the first training pairs as stored, then as augmented in each of the first epochs.

    There is one row per pair; each tile shows the sources above the target, not resized. The result
    is (H, W, 3) uint8. With `seed` equal to train.seed, these are the images that training uses.
    """
    rows = [
        _row(pairs, augmentation, position, seed=seed, num_epochs=num_epochs)
        for position in range(min(num_pairs, len(pairs.pair_ids)))
    ]
    epochs = [f"epoch {epoch}" for epoch in range(num_epochs)]
    return image_grid(rows, headings=["stored", *epochs])


def _row(
    pairs: PreparedSplit, augmentation: Augmentation, position: int, *, seed: int, num_epochs: int
) -> list[np.ndarray]:
    source, *extra = (np.asarray(images[position]) for images in pairs.sources)
    target = np.asarray(pairs.target[position])
    seeds = [augment_seed(seed, epoch, pairs.pair_ids[position]) for epoch in range(num_epochs)]
    if pairs.mask is None:
        changed = [augmentation(source, target, seed=each, extra=extra) for each in seeds]
        return [_tile(augmentation, *images) for images in [(source, target, *extra), *changed]]
    pair = MaskedPair(source, target, np.asarray(pairs.mask[position]))
    masked = MaskedAugmentation(augmentation)
    tiles = [_tile(augmentation, source, target, *extra, mask=pair.mask)]
    for each in seeds:
        changed_pair, changed_extra = masked(pair, seed=each, extra=extra)
        images = (changed_pair.source, changed_pair.target, *changed_extra)
        tiles.append(_tile(augmentation, *images, mask=changed_pair.mask))
    return tiles


def _tile(
    augmentation: Augmentation,
    source: np.ndarray,
    target: np.ndarray,
    *extra: np.ndarray,
    mask: np.ndarray | None = None,
) -> np.ndarray:
    valid = None if mask is None else mask[..., 0] == VALID
    images = zip(
        (source, *extra, target), (*augmentation.sources, augmentation.target), strict=True
    )
    tiles = [
        as_tile(image, side.value_range, alpha=side.alpha, valid=valid) for image, side in images
    ]
    return image_grid([[tile] for tile in tiles], gap_px=_SEPARATOR_PX)
