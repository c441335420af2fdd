"""Which pixels of a pair count in losses and scores.

A pixel counts if both its source and its target have a value. The mask of a pair is (H, W, 1) uint8
of the values below, stored beside source and target. It is made only if a side of the data declares
`nodata` or `ignore_label`.
"""

from typing import NamedTuple

import numpy as np

from pix2pix.data.manifest import SideRecord
from pix2pix.images.validity import Masked, fill_value, filled

VALID = 0
NO_TARGET = 1  # the source has a value, which the networks see
NO_SOURCE = 2  # whether the target has one or not

MASK_DTYPE = "uint8"


class MaskedPair(NamedTuple):
    """Source and target (H, W, C) and the mask of the pair.

    The source is filled where it has no value, the target in all pixels that do not count.
    """

    source: np.ndarray
    target: np.ndarray
    mask: np.ndarray


def masked_pair(
    source: Masked, target: Masked, *, records: tuple[SideRecord, SideRecord]
) -> MaskedPair:
    """Combine two images of one size; what they hold in pixels without a value does not matter."""
    mask = np.full(source.pixels.shape[:2], VALID, MASK_DTYPE)
    if target.valid is not None:
        mask[~target.valid] = NO_TARGET
    if source.valid is not None:
        mask[~source.valid] = NO_SOURCE
    return MaskedPair(
        _filled(source.pixels, mask != NO_SOURCE, records[0]),
        _filled(target.pixels, mask == VALID, records[1]),
        mask[..., None],
    )


def divided_pair(pair: MaskedPair) -> tuple[Masked, Masked]:
    """The inverse of `masked_pair`, but for targets without a source, which have no value now."""
    mask = pair.mask[..., 0]
    return Masked(pair.source, mask != NO_SOURCE), Masked(pair.target, mask == VALID)


def _filled(pixels: np.ndarray, valid: np.ndarray, record: SideRecord) -> np.ndarray:
    return filled(pixels, valid, fill_value(record.value_range, pixels.dtype))
