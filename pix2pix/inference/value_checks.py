"""Whether the values of an image are those that a model was trained on."""

import logging
from pathlib import Path
from typing import Literal

import numpy as np

from pix2pix.data.manifest import SideRecord
from pix2pix.errors import UserError
from pix2pix.images.names import printable
from pix2pix.model_card import ModelCard
from pix2pix.preparation.values import is_far_outside

logger = logging.getLogger(__name__)


def check_values(
    card: ModelCard,
    image: np.ndarray,
    side: SideRecord,
    *,
    kind: Literal["sources", "photos"],
    which: str,
) -> None:
    """Raise UserError if an image (H, W, C) has another dtype than its side, or values that are not
    finite or lie far outside of the side's range.

    A single value of -9999 would change the whole result: norms average over all pixels. Pixels
    without a value are filled already. `which` are the words for the image in messages.
    """
    if image.dtype != np.dtype(side.dtype):
        raise UserError(
            f"model {card.name} was trained on {side.dtype} {kind} in "
            f"{list(side.value_range)}, got {image.dtype} in {which}"
        )
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        raise UserError(
            f"model {card.name} cannot translate {which}: it holds NaN or infinite values; fill or "
            "crop them"
        )
    if is_far_outside(image, side.value_range):
        raise UserError(
            f"model {card.name} cannot translate {which}: it {_range_of(image)}, far outside of "
            f"{list(side.value_range)}, on which the model was trained; convert the units, or give "
            "pixels without a measurement a value inside"
        )


def warn_outside(path: Path, image: np.ndarray, side: SideRecord) -> None:
    """Log a warning if the image (H, W, C) of a file has values outside of the range of its side.

    The networks receive them as they are.
    """
    low, high = side.value_range
    if image.min() < low or image.max() > high:
        logger.warning(
            "%s: %s; the model was trained on %s", printable(path), _range_of(image), [low, high]
        )


def _range_of(image: np.ndarray) -> str:
    return f"holds values from {image.min():g} to {image.max():g}"
