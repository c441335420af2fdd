"""The file format of trained models.

A model folder holds `generator.safetensors`, `discriminator.safetensors` and `model.json` (the
"card", see `model_card`), which describes everything that is needed to use the networks. None of
the three is a pickle.
"""

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import nn

from pix2pix.errors import UserError
from pix2pix.files import write_bytes
from pix2pix.model_card import CARD_FILE, REMEDY, ModelCard, load_card, write_card
from pix2pix.models import PatchDiscriminator, UNetGenerator
from pix2pix.plural import counted

GENERATOR_FILE = "generator.safetensors"
DISCRIMINATOR_FILE = "discriminator.safetensors"


def save_model(
    model_dir: Path, card: ModelCard, *, generator: nn.Module, discriminator: nn.Module
) -> None:
    """Write a model folder; files that are already there are replaced one by one.

    All files are flushed to the disk. Raises StorageError naming a file that cannot be written.
    """
    for file_name, network in ((GENERATOR_FILE, generator), (DISCRIMINATOR_FILE, discriminator)):
        tensors = {key: value.contiguous() for key, value in network.state_dict().items()}
        write_bytes(model_dir / file_name, save(tensors))
    write_card(model_dir, card)


def load_generator(model_dir: Path) -> tuple[UNetGenerator, ModelCard]:
    """Load the generator of a model folder, in eval mode on the CPU, and the card.

    Raises UserError naming the file that is missing, damaged or does not fit the card.
    """
    card = load_card(model_dir)
    with torch.device("meta"):
        generator = UNetGenerator(card.generator)
    _load_weights(generator, model_dir / GENERATOR_FILE)
    return generator.eval(), card


def load_discriminator(model_dir: Path) -> tuple[PatchDiscriminator, ModelCard]:
    """Load the discriminator as `load_generator` loads the generator."""
    card = load_card(model_dir)
    with torch.device("meta"):
        discriminator = PatchDiscriminator(card.discriminator)
    _load_weights(discriminator, model_dir / DISCRIMINATOR_FILE)
    return discriminator.eval(), card


def _load_weights(network: nn.Module, path: Path) -> None:
    """Load the weights of a file into a network on the meta device, which has no memory yet.

    The names and shapes are compared before anything is loaded, so that no more memory than the
    size of the file is allocated.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing; run `dvc repro train` or `dvc pull`")
    try:
        _check_shapes(network, path)
        network.load_state_dict(load_file(path), assign=True)
    except (SafetensorError, RuntimeError, OSError) as error:
        raise UserError(
            f"{path} does not hold the weights that {CARD_FILE} describes: {error}; {REMEDY}"
        ) from None


def _check_shapes(network: nn.Module, path: Path) -> None:
    """Raise RuntimeError unless the tensors in the file have the network's shapes and dtypes."""
    expected = {
        key: (list(v.shape), _DTYPE_NAMES[v.dtype]) for key, v in network.state_dict().items()
    }
    with safe_open(path, framework="pt") as file:
        slices = {key: file.get_slice(key) for key in file.keys()}  # noqa: SIM118 - no mapping
        stored = {key: (part.get_shape(), part.get_dtype()) for key, part in slices.items()}
    wrong = sorted(
        key for key in expected.keys() | stored.keys() if expected.get(key) != stored.get(key)
    )
    if wrong:
        key = wrong[0]
        raise RuntimeError(
            f"{key} is {stored.get(key, 'missing')}, not {expected.get(key, 'absent')}; "
            f"{counted(len(wrong), 'wrong tensor')}"
        )


_DTYPE_NAMES = {torch.float32: "F32", torch.int64: "I64"}  # safetensors' names of the dtypes
