"""Pictures of noise, and smooth ones."""

import cv2
import numpy as np


def noise(*shape: int, dtype: str = "uint8") -> np.ndarray:
    rng = np.random.default_rng(0)
    if dtype == "float32":
        return rng.standard_normal(shape, dtype=np.float32)
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


def smooth(*shape: int) -> np.ndarray:
    """A JPEG compresses it well."""
    return cv2.resize(noise(4, 4, 3), shape[::-1], interpolation=cv2.INTER_CUBIC)
