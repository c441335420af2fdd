"""Whether the images of a pair have the sizes that `scale` of their sides declares."""

from collections.abc import Sequence

import numpy as np

from pix2pix.images.validity import Masked

_LARGEST_DIFFERENCE_PX = 1  # of images that show the same region, as of two exports of one scene


def sizes_differ(image: np.ndarray, other: np.ndarray, ratio: float | None) -> bool:
    """Whether `other` is not `ratio` times as high and wide as `image`; None allows any sizes.

    Both are (H, W, C). One pixel more or less, of the smaller of the two images, is no difference.
    """
    if ratio is None:
        return False
    lengths = zip(image.shape[:2], other.shape[:2], strict=True)
    difference: float = max(abs(theirs - own * ratio) for own, theirs in lengths)
    return difference > max(ratio, 1.0) * _LARGEST_DIFFERENCE_PX


def common_part(images: Sequence[Masked], *, are_alike: Sequence[bool]) -> tuple[Masked, ...]:
    """Cut off the last row or column where images of one scale differ by a pixel.

    Resizing one of them instead would blur it. `are_alike` says which images have this scale, at
    least one. The others are returned as they are: they are resized later.
    """
    alike = [
        image.pixels.shape[:2] for image, is_one in zip(images, are_alike, strict=True) if is_one
    ]
    height, width = map(min, zip(*alike, strict=True))
    return tuple(
        _cut(image, height, width)
        if is_one and image.pixels.shape[:2] != (height, width)
        else image
        for image, is_one in zip(images, are_alike, strict=True)
    )


def _cut(image: Masked, height: int, width: int) -> Masked:
    pixels, valid = (
        None if part is None else np.ascontiguousarray(part[:height, :width]) for part in image
    )
    assert pixels is not None
    return Masked(pixels, valid)
