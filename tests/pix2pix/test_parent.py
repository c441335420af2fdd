"""The file that holds the networks of a parent."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from pix2pix.errors import UserError
from pix2pix.models import (
    DiscriminatorConfig,
    GeneratorConfig,
    PatchDiscriminator,
    UNetGenerator,
    initialize,
)
from pix2pix.models.transfer import ParentNetworks
from pix2pix.parent import Parent, from_bytes, model_sha256, to_bytes
from tests.support.model_folders import model_card


def parent(*, both: bool = True, with_card: bool = True) -> Parent:
    """Small networks of random weights."""
    torch.manual_seed(0)
    generator = UNetGenerator(GeneratorConfig(base_channels=2, depth=5))
    discriminator = PatchDiscriminator(DiscriminatorConfig(base_channels=2, num_layers=1))
    for network in (generator, discriminator):
        initialize(network)
    card = model_card(generator=generator.config, discriminator=discriminator.config)
    return Parent(
        reference="models:/facades/3",
        model_sha256="a" * 64,
        networks=ParentNetworks(generator, discriminator if both else None),
        card=card if with_card else None,
    )


@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize("with_card", [True, False])
def test_what_is_read_is_what_was_written(both: bool, with_card: bool) -> None:
    written = parent(both=both, with_card=with_card)
    read = from_bytes(to_bytes(written), name="x")
    assert dataclasses.replace(read, networks=written.networks) == written
    assert (read.networks.discriminator is not None) == both
    for one, other in zip(written.networks, read.networks, strict=True):
        if one is not None and other is not None:
            assert one.config == other.config
            assert one.state_dict().keys() == other.state_dict().keys()
            for name, value in one.state_dict().items():
                assert torch.equal(value, other.state_dict()[name])


def test_equal_parents_are_equal_bytes() -> None:
    """So DVC sees a change only where there is one."""
    assert to_bytes(parent()) == to_bytes(parent())
    assert to_bytes(parent()) == to_bytes(from_bytes(to_bytes(parent()), name="x"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no safetensors",
        to_bytes(parent())[:-1],
        to_bytes(parent())[:100],
        save({"x": torch.zeros(1)}),
        save({"x": torch.zeros(1)}, {"parent": "{}"}),
        save({"x": torch.zeros(1)}, {"parent": "null"}),
        to_bytes(parent()).replace(b'base_channels\\": 2', b'base_channels\\": 3'),
        b"\xff" * 8 + to_bytes(parent())[8:],
    ],
)
def test_a_damaged_or_foreign_file_is_named(data: bytes) -> None:
    with pytest.raises(UserError, match=r"^data/p does not hold the networks to start from"):
        from_bytes(data, name="data/p")


def test_the_hash_of_the_model_is_read_alone_also_of_a_file_with_more_in_it(tmp_path: Path) -> None:
    """Another version of this program may have written other fields beside it."""
    path = tmp_path / "parent.safetensors"
    head = json.dumps({"model_sha256": "5" * 64, "later": 1})
    path.write_bytes(save({"x": torch.zeros(1)}, {"parent": head}))
    assert model_sha256(path) == "5" * 64
    for data in (b"", save({"x": torch.zeros(1)}), b"\xff" * 100):
        path.write_bytes(data)
        with pytest.raises(UserError, match="does not hold the networks to start from"):
            model_sha256(path)


def test_the_record_says_in_a_line_what_was_taken_over() -> None:
    grey = GeneratorConfig(source_channels=1, base_channels=2, depth=5)
    record = parent().record(grey, unlike=None)
    assert record.networks == "both"
    assert record.summary == (
        "both networks of models:/facades/3, with new generator.down.0.conv and "
        "discriminator.layers.0"
    )
    alone = parent(both=False).record(parent().networks.generator.config, unlike=None)
    assert alone.summary == "the generator of models:/facades/3"
