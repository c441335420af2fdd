"""The part of a model's page that translates: the model, colours to draw with, and examples."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from torch import Tensor

from pix2pix.config import height_width
from pix2pix.data.manifest import FIRST_SOURCE, SideRecord
from pix2pix.export.description import description
from pix2pix.export.folder import training_masks
from pix2pix.export.onnx_model import OnnxNetwork
from pix2pix.export.page import Example, Runtime, Workbench
from pix2pix.export.parity import masks_for
from pix2pix.export.samples import Samples
from pix2pix.export.smaller import measure_error, with_half_weights
from pix2pix.images.encode import encode, file_suffix
from pix2pix.model_card import ModelCard
from pix2pix.models import InferenceNetwork

_MOST_BYTES = 100 * 2**20  # of an exact model in a page; of a larger one, half of the precision
_MOST_EXAMPLES = 6
_DRAWABLE_CHANNELS = (1, 3, 4)


def obstacle(card: ModelCard) -> str | None:
    """Why a browser cannot make sources of this model; None if it can."""
    if card.source.is_masked:
        return (
            "The sources of this model have pixels without a value, which a browser does not "
            "leave out as the training did: use `pix2pix translate`."
        )
    for name, side in card.sources.items():
        if side.channels not in _DRAWABLE_CHANNELS:
            images = "sources" if name == FIRST_SOURCE else f"images {name}"
            return (
                f"The {images} of this model have {side.channels} channels, which no picture in a "
                "browser has: use example.py or `pix2pix translate`."
            )
    return None


def make_workbench(
    folder: Path,
    network: InferenceNetwork,
    card: ModelCard,
    *,
    runtime: Runtime,
    sources: Sequence[Mapping[str, np.ndarray]],
    samples: Samples,
) -> Workbench:
    """Return the workbench for the ONNX file of the network's mode in the folder of an export.

    `sources` are real images (H, W, C) by name of the source for examples; there may be none.
    """
    model, note = _page_model(folder, network, card, samples)
    return Workbench(
        facts=workbench_facts(card, network),
        model=model,
        runtime=runtime,
        examples=_examples(card, sources),
        note=" ".join(filter(None, [_expectation(card), _masks_note(card, network), note])),
    )


def _page_model(
    folder: Path, network: InferenceNetwork, card: ModelCard, samples: Samples
) -> tuple[bytes, str]:
    """The ONNX file for the page, and what is to be said about it."""
    path = folder / f"{network.mode}.onnx"
    if path.stat().st_size <= _MOST_BYTES:
        return path.read_bytes(), ""
    smaller = with_half_weights(onnx.load(path)).SerializeToString()
    inputs = [(each, masks_for(network, each, seed=card.seed)) for each in samples.sources]
    error = measure_error(OnnxNetwork(smaller), OnnxNetwork(path), inputs)
    return smaller, (
        "This page stores the weights in half precision, which changes a translation by at most "
        f"{error.largest * 127.5:.2g} and on average {error.mean * 127.5:.2g} of 255 levels "
        f"(measured on {samples.origin})."
    )


def _expectation(card: ModelCard) -> str:
    """What the model expects, and what the page does with other pictures."""
    sizes = {
        "stretch": f"Pictures are stretched to {_by(card)} pixels, as in the training",
        "fit": f"Pictures are resized to {card.load_size} pixels on their shorter side, as in the "
        "training",
        "none": "Pictures keep their pixels, as in the training",
    }
    values = (_values_note(name, side) for name, side in card.sources.items())
    size = f"{sizes[card.scale]}; the translation has the picture's own size."
    return " ".join(filter(None, [size, *values]))


def _values_note(name: str, side: SideRecord) -> str:
    """What a picture has to hold, or how its values are scaled; empty if they are the model's."""
    low, high = side.value_range
    picture = "a picture" if name == FIRST_SOURCE else f"the picture {name}"
    if side.num_labels is not None:
        return f"{picture.capitalize()} has to hold class ids as grey values."
    if side.dtype == "uint8":
        return ""
    return (
        f"The model reads {side.dtype} values from {low:g} to {high:g}; the 8 bits of {picture} "
        "are scaled to them."
    )


def _by(card: ModelCard) -> str:
    height, width = height_width(card.image_size)
    return f"{width} by {height}"


def _masks_note(card: ModelCard, network: InferenceNetwork) -> str:
    if network.mode == "deterministic" or training_masks(network, card):
        return ""
    return (
        "The model uses dropout; the browser draws other masks than `pix2pix translate`, so the "
        "translations of both differ a little."
    )


def _examples(card: ModelCard, sources: Sequence[Mapping[str, np.ndarray]]) -> list[Example]:
    """Sources as pictures that can be chosen; only 8-bit PNG are what the browser reads back."""
    sides = card.sources
    if any(
        side.dtype != "uint8" or file_suffix(side.dtype, side.channels, alpha=side.alpha) != ".png"
        for side in sides.values()
    ):
        return []
    return [
        Example(
            f"example {number}",
            {name: encode(image, alpha=sides[name].alpha) for name, image in images.items()},
        )
        for number, images in enumerate(sources[:_MOST_EXAMPLES], start=1)
    ]


def workbench_facts(card: ModelCard, network: InferenceNetwork) -> dict[str, Any]:
    """Return what the page's scripts read: the description in the ONNX file, and more.

    Added are the dropout masks of the training's size, and what a drawing needs.
    """
    described = description(card, network, model=card.name)
    masks = training_masks(network, card)
    packed = [
        {**mask, "dims": list(masks[mask["name"]].shape), "bits": _bits(masks[mask["name"]])}
        if mask["name"] in masks
        else mask
        for mask in described["dropout"]["masks"]
    ]
    height, width = card.drawing_size
    return {
        **described,
        "dropout": {**described["dropout"], "masks": packed},
        "seed": card.seed,
        "palette": card.palette,
        "board": {"width": width, "height": height},
    }


def _bits(mask: Tensor) -> str:
    """Which values are kept, one bit each, in the order of the values."""
    return base64.b64encode(np.packbits((mask > 0).numpy()).tobytes()).decode()
