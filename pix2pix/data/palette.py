"""The colours of label maps: what one can draw with, and whether an image is made of them."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from pix2pix.data.flat_images import FlatImages

_MAX_COLOURS = 64  # more are shades of a picture, and no labels
_MAX_IMAGES = 500  # evenly spaced
_CHANNELS = 3


def label_colours(images: np.ndarray | FlatImages) -> tuple[str, ...] | None:
    """The colours of label maps (N, H, W, 3) uint8 as "#rrggbb", the most frequent first.

    None if there are more than `_MAX_COLOURS`, or if the images are no RGB images of 8 bits.
    """
    counts: Counter[int] = Counter()
    for index in range(0, len(images), -(-len(images) // _MAX_IMAGES)):
        image = images[index]
        if image.dtype != np.uint8 or image.shape[2] != _CHANNELS:
            return None
        colours, numbers = np.unique(_packed(image), return_counts=True)
        counts.update(dict(zip(colours.tolist(), numbers.tolist(), strict=True)))
        if len(counts) > _MAX_COLOURS:
            return None
    return tuple(f"#{colour:06x}" for colour, _ in counts.most_common())


def share_of_palette(image: np.ndarray, palette: Sequence[str]) -> float:
    """The share of the pixels of an image (H, W, 3) uint8 that have a colour of the palette."""
    colours = [int(colour.removeprefix("#"), 16) for colour in palette]
    return float(np.isin(_packed(image), colours).mean())


def _packed(image: np.ndarray) -> np.ndarray:
    """One number 0xrrggbb per pixel, (H, W)."""
    red, green, blue = np.moveaxis(image.astype(np.uint32), 2, 0)
    packed: np.ndarray = red << 16 | green << 8 | blue
    return packed
