"""From the answers of the network to the values of translated files: range, then size."""

from math import ceil, floor

import numpy as np
import torch
from torch import Tensor

from pix2pix.data.manifest import SideRecord
from pix2pix.data.ranges import from_network
from pix2pix.errors import UserError
from pix2pix.images.labels import class_to_void
from pix2pix.images.nodata import written_nodata
from pix2pix.images.resize import resize
from pix2pix.images.scale import from_scale
from pix2pix.images.stored import as_written
from pix2pix.images.validity import Masked, filled
from pix2pix.model_card import ModelCard


def stored_values(fake: Tensor, card: ModelCard) -> np.ndarray:
    """Convert answers (N, C, H, W) in [-1, 1] to (N, H, W, C) of the target's dtype and range.

    Raises UserError if an answer is NaN or infinite.
    """
    if not torch.isfinite(fake).all():
        raise UserError(
            f"model {card.name} answers with NaN or infinite values: its weights are damaged, or "
            f"the image lies far outside of {list(card.source.value_range)}"
        )
    return from_network(fake, value_range=card.target.value_range, dtype=card.target.dtype)


def translated_values(
    answer: Masked, valid: np.ndarray | None, target: SideRecord, *, size: tuple[int, int]
) -> np.ndarray:
    """Resize an answer (H, W, C) to `size` (height, width), with the values of the target's files.

    `answer` says which pixels of its source had a value at the network's size, `valid` the same at
    the size of the file; None: all. Where the source has none, the result has the target's nodata
    value or ignore_label, or what the network generated if the target has neither. No other pixel
    of a measured target has the nodata value.
    """
    if target.alpha:  # opacity weights the colours already
        answer = Masked(answer.pixels)
    pixels = class_to_void(from_scale(answer, target, *size).pixels, target)
    nodata = written_nodata(target, np.dtype(target.file_dtype or target.dtype))
    if nodata is None:
        return pixels
    if target.nodata is not None:  # not beside an ignore_label: there lies another class
        pixels = _beside(nodata, pixels, target)
    if valid is None:
        return pixels
    validity = resize(valid[..., None], *size, kernel="nearest")[..., 0]
    return filled(pixels, validity, nodata)


def _beside(nodata: float, pixels: np.ndarray, target: SideRecord) -> np.ndarray:
    """Move what files would hold as `nodata` one step into the range of the target.

    A nodata value may lie in the range, as 0 does in 8 bits. Readers of a file, such as GDAL, would
    take a generated pixel of this value for a hole.
    """
    low, high = target.value_range
    if not floor(low) <= nodata <= ceil(high):
        return pixels
    written = as_written(pixels, target.file_dtype)
    if written.dtype.kind != "f":
        step = 1 if nodata < high else -1
        return np.where(written == nodata, pixels.dtype.type(nodata + step), pixels)
    # Readers take floats for equal that differ in the last digits: GDAL within 8 of them.
    margin = 1e-6 * (high - low) + 16 * float(np.finfo(np.float32).eps) * abs(nodata)
    moved = nodata + (2 if nodata < (low + high) / 2 else -2) * margin
    return np.where(np.abs(written - nodata) <= margin, pixels.dtype.type(moved), pixels)
