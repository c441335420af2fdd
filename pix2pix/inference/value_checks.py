"""Whether the values of an image are those that a model was trained on."""

from typing import Literal

import numpy as np

from pix2pix.checkpoint import ModelCard
from pix2pix.data.manifest import SideRecord
from pix2pix.errors import UserError


def check_values(
    card: ModelCard,
    image: np.ndarray,
    side: SideRecord,
    *,
    kind: Literal["sources", "photos"],
    which: str,
) -> None:
    """Raise UserError unless an image (H, W, C) has the dtype of its side and finite values.

    `which` are the words for the image in messages.
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
