"""Convert stored values in [low, high] to the networks' range [-1, 1], and back.

The conversion runs on the device of its input, so that small integers are copied to the device and
not floats.
"""

import numpy as np
import torch
from torch import Tensor

from pix2pix.images.rounding import rounded_to


def to_network(raw: Tensor, value_range: tuple[float, float]) -> Tensor:
    """Map stored values to [-1, 1].

    raw is (N, H, W, C) of any dtype; the result is (N, C, H, W) float32 on the same device, with
    channels-last strides. Values are not clipped: a float source may exceed the declared range,
    and clipping would hide that.
    """
    low, high = value_range
    # In place: on a CPU, new memory for each operation would cost more time than the arithmetic.
    scaled = _as_float32(raw).sub_(low).mul_(2.0 / (high - low)).sub_(1.0)
    return scaled.permute(0, 3, 1, 2)


def _as_float32(raw: Tensor) -> Tensor:
    """A contiguous copy of `raw` as float32 on the same device."""
    if raw.device.type != "cpu":
        return raw.to(torch.float32, copy=True, memory_format=torch.contiguous_format)
    # Unlike torch, numpy asks the kernel for large pages, which need fewer page faults.
    return torch.from_numpy(np.empty(raw.shape, np.float32)).copy_(raw)


def from_network(images: Tensor, *, value_range: tuple[float, float], dtype: str) -> np.ndarray:
    """Map [-1, 1] back to stored values: the inverse of `to_network`.

    images is (N, C, H, W) on any device; the result is (N, H, W, C) of `dtype`, clipped to
    `value_range`. For integer dtypes it is rounded to the nearest integer, and clipped to what the
    dtype can hold, as a declared range may be wider.
    """
    low, high = value_range
    raw = (images.detach().float().permute(0, 2, 3, 1) + 1.0) * ((high - low) / 2.0) + low
    values = raw.clamp(low, high).cpu().numpy()
    return np.ascontiguousarray(rounded_to(np.dtype(dtype), values))
