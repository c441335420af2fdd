"""Source `synthetic`: drawn pairs, a colour-coded label map (A) and a rendered facade (B).

They stand in for the CMP facades where nothing can be downloaded: real enough to be worth
translating, small enough to learn in minutes, and the same pixels for the same seed everywhere.
"""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pix2pix.atomic import new_directory
from pix2pix.config import SyntheticConfig
from pix2pix.files import flush_all, write_bytes
from pix2pix.images.grids import png_bytes
from pix2pix.sources.facade.building import (
    new_easel,
    paint_chimney,
    paint_cornice,
    paint_roof,
    paint_sky,
    paint_street,
    paint_wall,
)
from pix2pix.sources.facade.easel import Easel
from pix2pix.sources.facade.house import draw_house
from pix2pix.sources.facade.layout import Label, Part, label_map
from pix2pix.sources.facade.openings import (
    paint_awning,
    paint_balcony,
    paint_blind,
    paint_door,
    paint_shop,
    paint_shutter,
    paint_window,
)
from pix2pix.sources.facade.texture import toned

_PAINTERS: dict[Label, Callable[[Easel, Part], None]] = {
    "sky": paint_sky,
    "street": paint_street,
    "wall": paint_wall,
    "roof": paint_roof,
    "chimney": paint_chimney,
    "cornice": paint_cornice,
    "window": paint_window,
    "blind": paint_blind,
    "shutter": paint_shutter,
    "door": paint_door,
    "shop": paint_shop,
    "awning": paint_awning,
    "balcony": paint_balcony,
}

# Facades are rendered at least so large, and averaged down for smooth edges and fine detail.
_RENDERED_PX = 320
_MAX_SCALE = 8


def write_synthetic(directory: Path, config: SyntheticConfig) -> int:
    """Write directory/{train,test}/0001.png ...: A | B, each half size_px square.

    Pair i of a split depends on the seed, the split and i alone, not on how many are drawn. The
    directory appears, or is replaced, as a whole. Returns the number of pairs written.
    """
    splits = (("train", config.num_train), ("test", config.num_test))
    with new_directory(directory) as drawn:
        for split_index, (split, num_pairs) in enumerate(splits):
            (drawn / split).mkdir()
            for index in range(num_pairs):
                seeds = np.random.SeedSequence([config.seed, split_index, index])
                pair = draw_pair(config.size_px, np.random.Generator(np.random.PCG64(seeds)))
                path = drawn / split / f"{index + 1:04d}.png"
                write_bytes(path, png_bytes(np.hstack(pair)), is_durable=False)
        flush_all(drawn)
    return config.num_train + config.num_test


def draw_pair(size_px: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw a label map and its facade, both (size_px, size_px, 3) uint8 RGB.

    The label map holds the colours of LABELS only, without blended edges.
    """
    frame, parts = draw_house(size_px, rng)
    scale = min(_MAX_SCALE, math.ceil(_RENDERED_PX / size_px))
    easel = new_easel(frame, rng, scale=scale)
    for part in parts:
        _PAINTERS[part.label](easel, part)
    light = easel.shade * np.float32(rng.uniform(0.95, 1.05))
    return label_map(size_px, parts), _shrink(toned(easel.pixels, light), scale)


def _shrink(pixels: np.ndarray, scale: int) -> np.ndarray:
    """Average blocks of scale x scale pixels of (H, W, 3) float32; the result is uint8."""
    side = len(pixels) // scale
    blocks = np.clip(pixels, 0, 255).reshape(side, scale, side, scale, 3)
    # Added up in a fixed order: a library's mean may group the terms by processor.
    total = sum(blocks[:, row, :, column] for row in range(scale) for column in range(scale))
    return np.asarray(np.rint(np.divide(total, scale * scale)), dtype=np.uint8)
