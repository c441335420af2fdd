"""The trained networks that a training starts from, in one file that describes itself.

The stage `parent` writes the file, whatever the parent is: a registered version, a model folder or
a published file. A training reads nothing else of its parent.
"""

import dataclasses
import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from torch import Tensor, nn

from pix2pix.config import InitNetworks
from pix2pix.config.strict import STRICT
from pix2pix.errors import UserError
from pix2pix.model_card import ModelCard
from pix2pix.models import (
    DiscriminatorConfig,
    GeneratorConfig,
    PatchDiscriminator,
    UNetGenerator,
)
from pix2pix.models.transfer import ParentNetworks, new_layers
from pix2pix.parent_record import ParentRecord

_HEAD_KEY = "parent"  # of the metadata
_Network = TypeVar("_Network", bound=nn.Module)

_GENERATOR, _DISCRIMINATOR = "generator.", "discriminator."  # before the names of the tensors


@dataclass(frozen=True, kw_only=True, slots=True)
class Parent:
    """A parent, and what is known of it; `card` is None for a published file."""

    reference: str  # `train.init_from`
    model_sha256: str  # see ParentRecord
    networks: ParentNetworks
    card: ModelCard | None

    @property
    def which(self) -> InitNetworks:
        """Which networks there are."""
        return "generator" if self.networks.discriminator is None else "both"

    def record(self, config: GeneratorConfig, *, unlike: str | None) -> ParentRecord:
        """Return what is recorded if a generator of this configuration starts from this parent.

        `unlike` says how the images and settings of the parent differ.
        """
        return ParentRecord(
            reference=self.reference,
            model_sha256=self.model_sha256,
            networks=self.which,
            new_layers=new_layers(self.networks, config),
            unlike=unlike,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Head:
    """What the file says about its tensors."""

    __pydantic_config__ = STRICT

    reference: str
    model_sha256: str
    generator: GeneratorConfig
    discriminator: DiscriminatorConfig | None
    card: ModelCard | None


_HEAD = TypeAdapter(_Head)


def to_bytes(parent: Parent) -> bytes:
    """Return the content of the file; the same parent always gives the same bytes."""
    generator, discriminator = parent.networks
    head = _Head(
        reference=parent.reference,
        model_sha256=parent.model_sha256,
        generator=generator.config,
        discriminator=None if discriminator is None else discriminator.config,
        card=parent.card,
    )
    tensors = _named(generator, _GENERATOR)
    if discriminator is not None:
        tensors |= _named(discriminator, _DISCRIMINATOR)
    return save(tensors, {_HEAD_KEY: json.dumps(dataclasses.asdict(head), sort_keys=True)})


def from_bytes(data: bytes, *, name: str) -> Parent:
    """Return the parent in the content of the file.

    Raises UserError, which names the file by `name`, if it is damaged or another file.
    """
    try:
        head, tensors = _HEAD.validate_json(_metadata(data)[_HEAD_KEY]), load(data)
        generator = _network(lambda: UNetGenerator(head.generator), tensors, _GENERATOR)
        discriminator = None
        if (config := head.discriminator) is not None:
            discriminator = _network(lambda: PatchDiscriminator(config), tensors, _DISCRIMINATOR)
    except (SafetensorError, ValidationError, RuntimeError, ValueError, LookupError, struct.error):
        raise UserError(
            f"{name} does not hold the networks to start from; delete it and run `dvc repro`"
        ) from None
    return Parent(
        reference=head.reference,
        model_sha256=head.model_sha256,
        networks=ParentNetworks(generator, discriminator),
        card=head.card,
    )


def model_sha256(path: Path) -> str:
    """Return the hash of the parent's model in a file of `to_bytes`, see ParentRecord.

    The file may be of another version of this program. Raises UserError if it does not say.
    """
    try:
        with safe_open(path, framework="pt") as file:  # reads no tensors
            return str(json.loads(file.metadata()[_HEAD_KEY])["model_sha256"])
    except (SafetensorError, OSError, ValueError, LookupError, TypeError):
        raise UserError(f"{path} does not hold the networks to start from") from None


def _named(network: nn.Module, prefix: str) -> dict[str, Tensor]:
    return {prefix + name: value.contiguous() for name, value in network.state_dict().items()}


def _metadata(data: bytes) -> dict[str, Any]:
    """Return the metadata of a file of safetensors: its length (8 bytes), then JSON."""
    (length,) = struct.unpack_from("<Q", data)
    metadata: dict[str, Any] = json.loads(data[8 : 8 + length])["__metadata__"]
    return metadata


def _network(make: Callable[[], _Network], tensors: Mapping[str, Tensor], prefix: str) -> _Network:
    """Return the network with the tensors whose names start with the prefix."""
    with torch.device("meta"):
        network = make()
    own = {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
    network.load_state_dict(own, assign=True)
    return network
