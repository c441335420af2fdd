"""The one format of what training leaves behind.

A model folder holds `generator.safetensors`, `discriminator.safetensors` and `model.json`, which
says everything that is needed to use them; nothing in it is pickled. A running training is one
file of tensors and plain values, read back without running any code from it.
"""

import dataclasses
import io
import json
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from pydantic import ConfigDict, TypeAdapter, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from pix2pix.data.manifest import SideRecord
from pix2pix.errors import UserError
from pix2pix.files import make_folder, put_in_place, write_text
from pix2pix.models import (
    DiscriminatorConfig,
    GeneratorConfig,
    InferenceMode,
    PatchDiscriminator,
    UNetGenerator,
)

GENERATOR_FILE = "generator.safetensors"
DISCRIMINATOR_FILE = "discriminator.safetensors"
CARD_FILE = "model.json"
_FORMAT = 1
_TRAINING_FORMAT = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelCard:
    """What `model.json` says: how to build, feed and run the networks, and where they come from."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    format: int
    name: str  # of the data set
    direction: str
    image_size: int
    source: SideRecord
    target: SideRecord
    generator: GeneratorConfig
    discriminator: DiscriminatorConfig
    inference_mode: InferenceMode
    seed: int  # of dropout, where the inference mode has any
    epoch: int  # passes over the training split, of these weights
    dev: dict[str, float]  # metrics of these weights on the dev split
    data_hash: str

    def __post_init__(self) -> None:
        if self.format != _FORMAT:
            raise ValueError(f"model format {self.format}; this version reads format {_FORMAT}")


_CARD = TypeAdapter(ModelCard)


def save_model(
    model_dir: Path, card: ModelCard, *, generator: nn.Module, discriminator: nn.Module
) -> None:
    """Write a model folder; a folder that is already there is replaced file by file.

    All of it is on the disk when this returns.
    """
    make_folder(model_dir)
    for file_name, network in ((GENERATOR_FILE, generator), (DISCRIMINATOR_FILE, discriminator)):
        tensors = {key: value.contiguous() for key, value in network.state_dict().items()}
        partial = model_dir / f".{file_name}"
        save_file(tensors, partial)
        put_in_place(partial, model_dir / file_name)
    text = json.dumps(dataclasses.asdict(card), indent=2)
    write_text(model_dir / CARD_FILE, text + "\n")


def load_card(model_dir: Path) -> ModelCard:
    """Read `model.json`. Raises UserError naming the file and what is wrong with it."""
    path = model_dir / CARD_FILE
    if not path.is_file():
        raise UserError(f"{path} is missing; run `dvc repro train` or `dvc pull`")
    try:
        return _CARD.validate_json(path.read_bytes())
    except ValidationError as error:
        raise UserError(f"{path} does not describe a model: {error}") from None


def load_generator(model_dir: Path) -> tuple[UNetGenerator, ModelCard]:
    """The generator of a model folder, in eval mode on the CPU, and its card.

    Raises UserError naming the file that is missing, damaged or does not fit the card.
    """
    card = load_card(model_dir)
    generator = UNetGenerator(card.generator)
    _load_weights(generator, model_dir / GENERATOR_FILE)
    return generator.eval(), card


def load_discriminator(model_dir: Path) -> tuple[PatchDiscriminator, ModelCard]:
    """The discriminator of a model folder, in eval mode on the CPU, and its card."""
    card = load_card(model_dir)
    discriminator = PatchDiscriminator(card.discriminator)
    _load_weights(discriminator, model_dir / DISCRIMINATOR_FILE)
    return discriminator.eval(), card


def _load_weights(network: nn.Module, path: Path) -> None:
    if not path.is_file():
        raise UserError(f"{path} is missing; run `dvc repro train` or `dvc pull`")
    try:
        network.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as error:
        raise UserError(
            f"{path} does not hold the weights {CARD_FILE} describes: {error}"
        ) from None


def save_training(path: Path, state: dict[str, Any]) -> None:
    """Write a running training: tensors and plain values. Raises OSError, as on a full disk."""
    try:
        torch.save({"format": _TRAINING_FORMAT, **state}, path)
    except RuntimeError as error:  # torch's own writer
        raise OSError(f"{path}: {error}") from error


def load_training(data: bytes, *, name: str) -> dict[str, Any]:
    """Read the bytes of what `save_training` wrote, on the CPU; `name` is for the error.

    Raises UserError if it is cut short or something else.
    """
    try:
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise UserError(f"{name} is not a readable training checkpoint: {error}") from None
    if not isinstance(state, dict) or state.get("format") != _TRAINING_FORMAT:
        raise UserError(f"{name} is not a training checkpoint of format {_TRAINING_FORMAT}")
    return state
