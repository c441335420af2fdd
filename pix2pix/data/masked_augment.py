"""Augmentation of pairs of which some pixels do not count: the mask moves with the pixels."""

import numpy as np

from pix2pix.data.augment import Augmentation
from pix2pix.data.manifest import SideRecord
from pix2pix.data.masks import MaskedPair, divided_pair, masked_pair
from pix2pix.images.validity import Masked, divided, joined


class MaskedAugmentation:
    """The change that an `Augmentation` makes, of pairs with a mask.

    Validity is joined to both images as if it were opacity. So it is cropped, flipped, turned and
    reflected as they are; pixels without a value give no colour to others, and photometric changes
    leave them alone.
    """

    def __init__(self, augmentation: Augmentation) -> None:
        self._records = (augmentation.source, augmentation.target)
        self._augmentation = augmentation.with_opacity()

    def __call__(self, pair: MaskedPair, *, seed: int) -> MaskedPair:
        """Apply the change as `Augmentation` does. Pixels without a value are filled again."""
        images = zip(divided_pair(pair), self._records, strict=True)
        changed = self._augmentation(*(_joined(*each) for each in images), seed=seed)
        source, target = (_divided(*each) for each in zip(changed, self._records, strict=True))
        return masked_pair(source, target, records=self._records)


def _joined(image: Masked, record: SideRecord) -> np.ndarray:
    return image.pixels if _has_opacity(record) else joined(image)


def _divided(pixels: np.ndarray, record: SideRecord) -> Masked:
    return Masked(pixels) if _has_opacity(record) else divided(pixels)


def _has_opacity(record: SideRecord) -> bool:
    """Whether images have an opacity channel of their own; such images have a value everywhere."""
    return record.alpha and record.kind == "image"
