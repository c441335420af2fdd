"""What pixels without a value (nodata, ignore_label) leave of a pair."""

import numpy as np

from pix2pix.config import DataConfig
from pix2pix.images.scale import resized
from pix2pix.images.validity import Masked
from pix2pix.preparation.read_pairs import ReadPair


def counted_pixels(pixels: np.ndarray, valid: np.ndarray | None) -> np.ndarray:
    """The valid pixels of (H, W, C) in one row, (1, K, C); the image itself if all are valid."""
    return pixels if valid is None else pixels[valid][None]


def with_mean(pixels: np.ndarray, valid: np.ndarray | None) -> np.ndarray:
    """The image (H, W, C) with the mean of the valid pixels in all others, float32.

    So a mask that many images share does not make them alike. Without a mask, the image itself.
    """
    if valid is None:
        return pixels
    mean = pixels[valid].mean(axis=0, dtype=np.float64)
    return np.where(valid[..., None], pixels, mean).astype(np.float32)


def masked_shares(pair: ReadPair) -> tuple[float, ...]:
    """The share of the pixels of each image of a pair that have no value."""
    return tuple(
        0.0 if image.valid is None else 1.0 - float(image.valid.mean()) for image in pair.images
    )


def why_nothing_counts(pair: ReadPair, config: DataConfig) -> str | None:
    """Why no pixel of a pair could be scored after it was resized for any split; None if some can.

    A pixel counts if source and target have a value there.
    """
    if all(image.valid is None for image in pair.images):
        return None
    if all(_counts_somewhere(pair, config, split) for split in ("train", "dev")):
        return None
    shares = masked_shares(pair)[:2]
    of_a, of_b = shares if config.direction == "AtoB" else shares[::-1]
    return f"no pixel is left to score: {of_a:.1%} of A and {of_b:.1%} of B have no value"


def _counts_somewhere(pair: ReadPair, config: DataConfig, split: str) -> bool:
    height, width = config.scale(split).size_of(*pair.target.shape[:2])
    counts = np.ones((height, width), bool)
    for image, side in zip(pair.images, config.roles.values(), strict=True):
        if image.valid is not None:
            blank = Masked(np.zeros((*image.valid.shape, 1), np.float32), image.valid)
            valid = resized(blank, height, width, kernel=config.kernel(side)).valid
            counts &= True if valid is None else valid
    return bool(counts.any())
