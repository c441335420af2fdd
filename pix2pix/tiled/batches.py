"""Translate the images that are scored, in tiles where they do not fit into memory."""

import logging

import torch
from torch import Tensor

from pix2pix.files import spill_folder
from pix2pix.memory import allowed_bytes, enough_memory
from pix2pix.models import InferenceNetwork, translate
from pix2pix.models.padding import pad_to_multiple
from pix2pix.tiled.passes import translate_in_tiles
from pix2pix.tiled.plan import least_bytes, make_plan, whole_bytes
from pix2pix.tiled.source import PaddedSource
from pix2pix.tiled.tiles import Tile

logger = logging.getLogger(__name__)


def translated(
    network: InferenceNetwork, source: Tensor, *, seed: int, allowed: int | None = None
) -> Tensor:
    """Translate (N, C, H, W) in [-1, 1] to (N, C', H, W), each image with the same dropout seed.

    `allowed` is the memory in bytes that this may take; None: as much as is available. A batch that
    needs more is translated image by image, and a single image that does in tiles: the values are
    the same, but for rounding. Raises UserError if an image does not even fit in tiles.
    """
    padded = pad_to_multiple(source, network.config.multiple_px)
    height, width = source.shape[-2:]
    size = (padded.shape[-2], padded.shape[-1])
    allowed = allowed_bytes(network.device) if allowed is None else allowed
    needed = whole_bytes(network.config, size)
    if needed > allowed:
        images = [_in_tiles(network, image, seed=seed, allowed=allowed) for image in padded]
        return torch.stack(images)[..., :height, :width]
    at_once = len(source) if len(source) * needed <= allowed else 1
    return torch.cat(
        [
            translate(network, part, seeds=[seed] * len(part))
            for part in torch.split(source, at_once)
        ]
    )


def _in_tiles(network: InferenceNetwork, image: Tensor, *, seed: int, allowed: int) -> Tensor:
    """Translate a padded image (C, H, W) to (C', H, W)."""
    _, height, width = image.shape
    plan = make_plan(network, (height, width), allowed_bytes=allowed)
    what = f"an image of {width}x{height} px"
    logger.info("%s is translated in tiles, with temporary files in %s", what, spill_folder())
    fake = image.new_empty((network.config.target_channels, height, width))

    def write(tile: Tile, values: Tensor) -> None:
        fake[:, tile.top : tile.bottom, tile.left : tile.right] = values.permute(2, 0, 1)

    with enough_memory(least_bytes(network, (height, width)), allowed, what=what):
        translate_in_tiles(
            network,
            PaddedSource(image),
            write,
            seed=seed,
            plan=plan,
            folder=spill_folder(),
            progress=lambda _share: None,
        )
    return fake
