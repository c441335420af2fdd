"""Features of images in [-1, 1], and what two sets of them must be for a distance between them."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from pix2pix.errors import UserError
from pix2pix.evaluation.extractors import FeatureExtractor

MIN_IMAGES = 2  # a covariance needs two images, and so does a KID subset


def to_rgb8(images: Tensor) -> Tensor | None:
    """Return images in [-1, 1] as (N, 3, H, W) uint8; None unless they have 1 or 3 channels.

    A single channel is replicated. Values are rounded to the nearest of 256 levels, also those of
    images stored with 16 bits, because the extractors accept only bytes.
    """
    channels = images.shape[1]
    if channels not in (1, 3):
        return None
    levels = ((images.detach().float() + 1.0) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return levels.expand(-1, 3, -1, -1)


def extract_features(batches: Iterable[Tensor], extractor: FeatureExtractor) -> np.ndarray | None:
    """Return features (N, F) of images (N, C, H, W) in [-1, 1], such as training targets.

    Images that are compared must have come to their size in one way, see `data.reference`. Returns
    None if there is no image, or if the images have neither 1 nor 3 channels.
    """
    features = []
    for images in batches:
        rgb = to_rgb8(images)
        if rgb is None:
            return None
        features.append(extractor(rgb).numpy())
    return np.concatenate(features) if features else None


def check_features(fake: np.ndarray, real: np.ndarray) -> None:
    """Raise ValueError unless both are (N, F) and (M, F), UserError for fewer than two rows."""
    if fake.ndim != 2 or real.ndim != 2 or fake.shape[1] != real.shape[1]:
        raise ValueError(
            f"features must be (N, F) and (M, F) with one F, got {fake.shape} and {real.shape}"
        )
    if min(len(fake), len(real)) < MIN_IMAGES:
        raise UserError(
            f"a Frechet or kernel distance needs at least {MIN_IMAGES} images in each set, "
            f"got {len(fake)} and {len(real)}"
        )
