"""A picture of augmented pairs, to check by eye that source and target stay aligned."""

import numpy as np

from pix2pix.data.augment import Augmentation
from pix2pix.data.dataset import AugmentedPairs, Item, Key, stored_item
from pix2pix.data.masks import VALID
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
    augmented = AugmentedPairs(pairs, augmentation, seed=seed)
    rows = [
        [
            _tile(item, augmentation)
            for item in (
                stored_item(pairs, position),
                *(augmented[Key(epoch, position)] for epoch in range(num_epochs)),
            )
        ]
        for position in range(min(num_pairs, len(pairs)))
    ]
    epochs = [f"epoch {epoch + 1}" for epoch in range(num_epochs)]
    return image_grid(rows, headings=["stored", *epochs])


def _tile(item: Item, augmentation: Augmentation) -> np.ndarray:
    valid = None if item.mask is None else item.mask[..., 0] == VALID
    images = (*item.sources, item.target)
    sides = (*augmentation.sources, augmentation.target)
    tiles = [
        [as_tile(image, side.value_range, alpha=side.alpha, valid=valid)]
        for image, side in zip(images, sides, strict=True)
    ]
    return image_grid(tiles, gap_px=_SEPARATOR_PX)
