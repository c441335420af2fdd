"""Reflect images at their right and lower edges where a crop needs more pixels than there are."""

import numpy as np


def reflected(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Pad (H, W, C) to at least height and width; an image that is large enough is returned as is.

    The edge pixels are not repeated, and an image that is much smaller is reflected several times.
    """
    below, right = max(height - image.shape[0], 0), max(width - image.shape[1], 0)
    if not below and not right:
        return image
    return np.pad(image, ((0, below), (0, right), (0, 0)), mode="reflect")
