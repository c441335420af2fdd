"""Whether the two images of a pair have the sizes that `scale` of their sides declares."""

import numpy as np

from pix2pix.config import DataConfig
from pix2pix.images.validity import Masked

_LARGEST_DIFFERENCE_PX = 1  # of images that show the same region, as of two exports of one scene


def sizes_differ(source: np.ndarray, target: np.ndarray, config: DataConfig) -> str | None:
    """How the size of a target differs from what its source and the scale let expect, or None.

    One pixel more or less, of the smaller of the two images, is no difference.
    """
    ratio = config.target_scale
    if ratio is None:
        return None
    expected = np.multiply(source.shape[:2], ratio)
    difference = np.abs(np.subtract(target.shape[:2], expected)).max()
    if difference <= max(ratio, 1.0) * _LARGEST_DIFFERENCE_PX:
        return None
    return "" if ratio == 1 else f", where the target should be {ratio:g} times as large"


def common_part(source: Masked, target: Masked, config: DataConfig) -> tuple[Masked, Masked]:
    """Cut off the last row or column where two images of one scale differ by a pixel.

    Resizing one of them instead would blur it. Images of unlike scales are returned as they are:
    the source is resized when it is prepared.
    """
    sizes = source.pixels.shape[:2], target.pixels.shape[:2]
    if config.target_scale != 1 or sizes[0] == sizes[1]:
        return source, target
    height, width = np.minimum(*sizes).tolist()
    return _cut(source, height, width), _cut(target, height, width)


def _cut(image: Masked, height: int, width: int) -> Masked:
    pixels, valid = (
        None if part is None else np.ascontiguousarray(part[:height, :width]) for part in image
    )
    assert pixels is not None
    return Masked(pixels, valid)
