"""The colours of label maps, for people who draw such maps."""

import colorsys
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

Color = tuple[int, int, int]  # RGB, 0 to 255

_MOST_COLORS = 24
_LEAST_SHARE = 1e-4  # of all pixels; rarer colours are usually remains of a compression
_GOLDEN = 0.618034  # share of the circle of hues between two classes, which keeps neighbours apart


def distinct_colors(images: Iterable[np.ndarray]) -> tuple[Color, ...]:
    """Return the colours of label maps (H, W, 1 or more) uint8, the most frequent one first.

    One or two channels are grey. Rare colours are left out, and so are all but the 24 most frequent
    ones. The result is empty if no colour is frequent, as in photographs.
    """
    counts: Counter[Color] = Counter()
    for image in images:
        rgb = image[..., :3] if image.shape[-1] >= 3 else image[..., :1].repeat(3, axis=-1)
        colors, numbers = np.unique(rgb.reshape(-1, 3), axis=0, return_counts=True)
        for color, number in zip(colors.tolist(), numbers.tolist(), strict=True):
            counts[(color[0], color[1], color[2])] += number
    least = _LEAST_SHARE * counts.total()
    return tuple(color for color, number in counts.most_common(_MOST_COLORS) if number >= least)


def class_colors(num_classes: int) -> Sequence[Color]:
    """Return unlike colours for class ids, which have none of their own."""
    colors = []
    for index in range(num_classes):
        value = (0.95, 0.7, 0.45)[index % 3]
        red, green, blue = colorsys.hsv_to_rgb(index * _GOLDEN % 1, 0.75, value)
        colors.append((round(255 * red), round(255 * green), round(255 * blue)))
    return colors
