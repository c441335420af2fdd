"""Translate one image that does not fit into memory; only the image and the result are held."""

import logging
from collections.abc import Callable, Sequence

import numpy as np
from torch import Tensor

from pix2pix.files import spill_folder
from pix2pix.inference.answers import stored_values
from pix2pix.memory import bytes_text
from pix2pix.model_card import ModelCard
from pix2pix.models import InferenceNetwork
from pix2pix.tiled import ImageSource, Tile, make_plan, translate_in_tiles

Progress = Callable[[float], None]

logger = logging.getLogger(__name__)


def translate_tiled(
    network: InferenceNetwork,
    card: ModelCard,
    images: Sequence[np.ndarray],
    *,
    padded_size: tuple[int, int],
    allowed_bytes: int,
    progress: Progress,
) -> np.ndarray:
    """Translate (H, W, C_i), one per source, to (H, W, C') of the target's dtype.

    The result is that of `translate_whole`.

    Raises UserError if the disk has not enough room for the temporary files, StorageError if one of
    them cannot be written.
    """
    height, width = images[0].shape[:2]
    result = np.empty((height, width, card.target.channels), card.target.dtype)

    def write(tile: Tile, values: Tensor) -> None:
        inside = tile.clipped(height, width)
        if inside.height > 0 and inside.width > 0:  # else a tile of the padding alone
            fake = values[: inside.height, : inside.width].permute(2, 0, 1)
            result[inside.top : inside.bottom, inside.left : inside.right] = stored_values(
                fake[None], card
            )[0]

    plan = make_plan(network, padded_size, allowed_bytes=allowed_bytes)
    folder = spill_folder()
    logger.info(
        "an image of %dx%d px is translated in tiles, with %s of temporary files in %s",
        width,
        height,
        bytes_text(plan.disk_bytes),
        folder,
    )
    translate_in_tiles(
        network,
        ImageSource(images, list(card.sources.values()), size=padded_size, device=network.device),
        write,
        seed=card.seed,
        plan=plan,
        folder=folder,
        progress=progress,
    )
    return result
