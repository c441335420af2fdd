"""What a program has to know to use an exported file; it is stored inside each file.

ONNX files have it as metadata, each key as `pix2pix.KEY` with JSON as the value; torch.export files
have it as the extra file `pix2pix.json`.
"""

from dataclasses import asdict
from typing import Any

from pix2pix.data.manifest import SideRecord
from pix2pix.export.network import FAKE, mask_names
from pix2pix.model_card import ModelCard
from pix2pix.models import InferenceNetwork

_SIDE_FIELDS = (
    "kind",
    "channels",
    "dtype",
    "value_range",
    "num_labels",
    "void_label",
    "encoding",
    "alpha",
    "kernel",  # of resizing
    # The caller fills source pixels of these values with the low end of value_range.
    "ignore_label",
    "nodata",
    "stated_nodata",
)


def description(card: ModelCard, network: InferenceNetwork, *, model: str) -> dict[str, Any]:
    """Return names, value ranges, padding rule, resizing and dropout as values that JSON has.

    `model` is what people call the model, such as "pix2pix-maps version 3".
    """
    source, *extra_sources = _sources(card)
    return {
        "model": model,
        "inference_mode": network.mode,
        "chosen_mode": card.inference_mode,  # the better one on the dev split
        "source": source,
        "extra_sources": extra_sources,  # further images, whose channels the input has as well
        "target": _side(FAKE, card.target),
        "padding": {
            "inside": True,  # the file does it itself, images may have any size
            "multiple_px": network.config.multiple_px,
            "at": ["right", "bottom"],
            "values": "reflection; the result is cropped",
        },
        "resize": {
            "rule": card.scale,
            "size": card.image_scale.size,
            "target_scale": card.target_scale,
        },
        "dropout": _dropout(network),
    }


def _sources(card: ModelCard) -> list[dict[str, Any]]:
    """The sources in the order of their channels in the input, which are [first, end) of it.

    One-hot classes have a channel each, 1 where a pixel has the class and 0 elsewhere. `scale` is
    how many times as high and wide as the first source the images are; None: it varies.
    """
    scales = [1.0, *(extra.scale for extra in card.extra_sources)]
    described = []
    first = 0
    for scale, (name, side) in zip(scales, card.sources.items(), strict=True):
        end = first + side.network_channels
        described.append(
            _side(name, side)
            | {"grayscale": side.grayscale, "scale": scale, "input_channels": [first, end]}
        )
        first = end
    return described


def _side(name: str, side: SideRecord) -> dict[str, Any]:
    record = asdict(side)
    return {
        "name": name,
        "layout": "NCHW float32",
        # value_range is mapped to it linearly.
        "network_range": [0.0, 1.0] if side.encoding == "one_hot" else [-1.0, 1.0],
        **{field: record[field] for field in _SIDE_FIELDS},
        "value_range": list(side.value_range),
    }


def _dropout(network: InferenceNetwork) -> dict[str, Any]:
    """The masks: (channels, height / stride, width / stride) of the padded image."""
    levels = mask_names(network)
    return {
        "probability": network.config.dropout if levels else 0.0,
        "masks": [
            {"name": name, "channels": network.config.width(level - 1), "stride": 2**level}
            for name, level in levels.items()
        ],
    }
