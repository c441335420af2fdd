"""What the page of a model needs to know for translating: sizes, colours, dropout masks."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from pix2pix.checkpoint import ModelCard
from pix2pix.config import height_width
from pix2pix.data.manifest import SideRecord
from pix2pix.images.palette import Color, class_colors, distinct_colors

_DRAWABLE_CHANNELS = (1, 3, 4)
_INK: tuple[Color, ...] = ((255, 255, 255), (0, 0, 0), (128, 128, 128))  # where nothing is known


def obstacle(card: ModelCard) -> str | None:
    """Why a browser cannot make sources of this model; None if it can."""
    if card.source.channels in _DRAWABLE_CHANNELS:
        return None
    return (
        f"The sources of this model have {card.source.channels} channels, which no picture in a "
        "browser has: use example.py or `pix2pix translate`."
    )


def workbench_facts(
    card: ModelCard,
    described: Mapping[str, Any],
    *,
    masks: Mapping[str, Tensor],
    sources: Sequence[np.ndarray],
) -> dict[str, Any]:
    """Return what the page's scripts read: `described`, with what only the page needs.

    `described` is the description in the ONNX file. `masks` are the dropout masks of the training's
    size, where all images have it. `sources` are images (H, W, C) of files, whose colours become
    the palette.
    """
    packed = [
        {**mask, "dims": list(masks[mask["name"]].shape), "bits": _bits(masks[mask["name"]])}
        if mask["name"] in masks
        else mask
        for mask in described["dropout"]["masks"]
    ]
    height, width = board_size(card)
    return {
        **described,
        "dropout": {**described["dropout"], "masks": packed},
        "seed": card.seed,
        "palette": palette(card.source, sources),
        "board": {"width": width, "height": height, "anyColor": card.source.num_labels is None},
    }


def board_size(card: ModelCard) -> tuple[int, int]:
    """Height and width of a drawing: those of the training's sources."""
    size = card.image_size if card.load_size is None else card.load_size
    height, width = height_width(size)
    return max(1, round(height / card.target_scale)), max(1, round(width / card.target_scale))


def palette(side: SideRecord, sources: Sequence[np.ndarray]) -> list[dict[str, str]]:
    """The colours to draw with; for class ids, the colour at index i stands for class i."""
    if side.num_labels is not None:
        names = [f"class {each}" for each in range(side.num_labels)]
        if side.void_label is not None:
            names.append("no class")
        return [
            {"name": name, "color": _hex(color)}
            for name, color in zip(names, class_colors(len(names)), strict=True)
        ]
    colors = _INK
    if side.kind == "labels" and side.dtype == "uint8" and sources:
        colors = distinct_colors(sources) or _INK
    return [{"name": _hex(color), "color": _hex(color)} for color in colors]


def _hex(color: Color) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)


def _bits(mask: Tensor) -> str:
    """Which values are kept, one bit each, in the order of the values."""
    return base64.b64encode(np.packbits((mask > 0).numpy()).tobytes()).decode()
