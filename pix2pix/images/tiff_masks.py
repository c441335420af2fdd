"""Masks in TIFF files: pages that say which pixels of an image have a value, as GDAL does it."""

from collections.abc import Sequence

import numpy as np
import tifffile

from pix2pix.images.decoded import SoundFileError


def without_masks(series: Sequence[tifffile.TiffPageSeries]) -> list[tifffile.TiffPageSeries]:
    """The images of a file without its masks; tifffile makes reduced copies levels of an image."""
    return [each for each in series if not each.keyframe.is_mask] or list(series)


def mask_pages(
    series: Sequence[tifffile.TiffPageSeries], image: tifffile.TiffPage
) -> list[tifffile.TiffPage]:
    """The masks of the size of an image, which leaves out those of its reduced copies."""
    if image.is_mask:
        return []
    pages = [
        page.aspage()
        for each in series
        if each.keyframe.is_mask
        for page in each.pages
        if page is not None
    ]
    return [page for page in pages if page.shape == (image.imagelength, image.imagewidth)]


def mask_of_slice(
    masks: Sequence[tifffile.TiffPage], index: int, num_slices: int
) -> list[tifffile.TiffPage]:
    """The mask of one of several slices, given all. Raises SoundFileError if it is unknown."""
    if len(masks) not in (0, num_slices):
        raise SoundFileError(
            f"holds {len(masks)} masks for {num_slices} slices; write the slices as files of their "
            "own"
        )
    return list(masks[index : index + 1])


def valid_pixels(masks: Sequence[tifffile.TiffPage]) -> np.ndarray | None:
    """Which pixels (H, W) have a value in all masks, of which 0 means no value; None: no masks."""
    if not masks:
        return None
    valid: np.ndarray = np.logical_and.reduce([page.asarray() != 0 for page in masks])
    return valid
