"""Features of images in [-1, 1]: the way from what networks produce to what extractors accept."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pix2pix.evaluation.extractors import FeatureExtractor


def to_rgb8(images: Tensor) -> Tensor | None:
    """(N, 3, H, W) uint8 of images in [-1, 1]; one channel is replicated, other counts give None.

    Rounded to the nearest of 256 levels whatever the stored dtype: the extractors know no other.
    """
    channels = images.shape[1]
    if channels not in (1, 3):
        return None
    levels = ((images.detach().float() + 1.0) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return levels.expand(-1, 3, -1, -1)


def extract_features(
    batches: Iterable[Tensor], extractor: FeatureExtractor, *, size_px: tuple[int, int] | None
) -> np.ndarray | None:
    """Features (N, F) of real images (N, C, H, W) in [-1, 1], such as training targets.

    They are first brought to `size_px` (height, width), the size of the images they are compared
    with: stored larger, they would be sharper. With `size_px` None they stay as they are. The
    result is None if there is no RGB form of them.
    """
    features = []
    for images in batches:
        if size_px is not None and images.shape[2:] != size_px:
            images = F.interpolate(images, size=size_px, mode="bilinear", antialias=True)
        rgb = to_rgb8(images)
        if rgb is None:
            return None
        features.append(extractor(rgb).numpy())
    return np.concatenate(features) if features else None
