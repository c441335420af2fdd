"""Convert computed values to the dtype of stored pixels."""

import numpy as np


def rounded_to(dtype: np.dtype, values: np.ndarray) -> np.ndarray:
    """Convert floats to `dtype`; for integers they are rounded, and clipped to what it can hold."""
    if dtype.kind == "f":
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    whole: np.ndarray = np.rint(values)
    np.clip(whole, limits.min, limits.max, out=whole)
    return whole.astype(dtype)
