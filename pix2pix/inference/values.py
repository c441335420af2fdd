"""The network's answers as values of files."""

import numpy as np
import torch
from torch import Tensor

from pix2pix.checkpoint import ModelCard
from pix2pix.data.ranges import from_network
from pix2pix.errors import UserError


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
