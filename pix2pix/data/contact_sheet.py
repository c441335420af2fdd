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

    There is one row per pair; each tile shows the source above the target, not resized. The result
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
    source, target = np.asarray(pairs.source[position]), np.asarray(pairs.target[position])
    seeds = [augment_seed(seed, epoch, pairs.pair_ids[position]) for epoch in range(num_epochs)]
    if pairs.mask is None:
        changed = [augmentation(source, target, seed=each) for each in seeds]
        return [_tile(augmentation, *pair) for pair in [(source, target), *changed]]
    pair = MaskedPair(source, target, np.asarray(pairs.mask[position]))
    masked = MaskedAugmentation(augmentation)
    return [_tile(augmentation, *each) for each in [pair, *(masked(pair, seed=s) for s in seeds)]]


def _tile(
    augmentation: Augmentation,
    source: np.ndarray,
    target: np.ndarray,
    mask: np.ndarray | None = None,
) -> np.ndarray:
    valid = None if mask is None else mask[..., 0] == VALID
    upper, lower = (
        as_tile(image, side.value_range, alpha=side.alpha, valid=valid)
        for image, side in ((source, augmentation.source), (target, augmentation.target))
    )
    return image_grid([[upper], [lower]], gap_px=_SEPARATOR_PX)
