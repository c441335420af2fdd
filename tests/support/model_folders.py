"""Model folders of random weights, and the cards in them."""

import dataclasses
from pathlib import Path

import numpy as np

from pix2pix.checkpoint import save_model
from pix2pix.data.manifest import Manifest, SideRecord
from pix2pix.model_card import ModelCard
from pix2pix.models import DiscriminatorConfig, GeneratorConfig, PatchDiscriminator, UNetGenerator

PHOTO = SideRecord("image", 3, "uint8", (0.0, 255.0), "area")
# Of pairs of photos, without any.
MANIFEST = Manifest(
    format=2,
    direction="AtoB",
    image_size=32,
    load_size=36,
    source=PHOTO,
    target=PHOTO,
    splits={},
    data_hash="abc",
)
# The parameters with which networks have the shapes of those of `model_card`.
SMALL_SHAPES = {
    "image_size": "32",
    "load_size": "36",
    "base_channels": "4",
    "discriminator_channels": "4",
    "discriminator_layers": "2",
}


def model_card(**changes: object) -> ModelCard:
    """The card of a small model from photo to photo; `changes` are to it."""
    card = ModelCard(
        format=1,
        name="facades-drawn",
        direction="AtoB",
        image_size=32,
        source=PHOTO,
        target=PHOTO,
        generator=GeneratorConfig(base_channels=4, depth=5, dropout_layout="torch"),
        discriminator=DiscriminatorConfig(base_channels=4, num_layers=2),
        inference_mode="published",
        seed=3,
        epoch=3,
        dev={"dev/l1": 0.1},
        data_hash="d" * 64,
    )
    return dataclasses.replace(card, **changes)


def save_random(folder: Path, card: ModelCard) -> None:
    """A model folder of random weights that the card describes."""
    save_model(
        folder,
        card,
        generator=UNetGenerator(card.generator),
        discriminator=PatchDiscriminator(card.discriminator),
    )


def write_model(folder: Path, **changes: object) -> ModelCard:
    """A model folder of random weights; `changes` are to the card of `model_card`."""
    card = model_card(**changes)
    save_random(folder, card)
    return card


def source_image(height: int = 32, width: int = 32) -> np.ndarray:
    """A random photo (height, width, 3), uint8."""
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)
