"""What a training takes over from its parent: everything, but layers of other channels."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from pix2pix.config import Params
from pix2pix.errors import UserError
from pix2pix.models import (
    DiscriminatorConfig,
    GeneratorConfig,
    InferenceMode,
    InferenceNetwork,
    PatchDiscriminator,
    UNetGenerator,
    translate,
)
from pix2pix.models.layers import Norm
from pix2pix.models.reference import discriminator_from_weights, generator_from_weights
from pix2pix.models.transfer import ParentNetworks, check_fits, new_layers, take_over
from pix2pix.training import new_state, train_step

GENERATOR = GeneratorConfig(base_channels=4, depth=5, dropout_layout="torch")
DISCRIMINATOR = DiscriminatorConfig(base_channels=4, num_layers=2)


def networks(
    seed: int, *, source: int = 3, target: int = 3, norm: Norm = "batch"
) -> tuple[UNetGenerator, PatchDiscriminator]:
    """Networks of random weights, whose running statistics are those of a training."""
    torch.manual_seed(seed)
    generator = UNetGenerator(
        dataclasses.replace(GENERATOR, source_channels=source, target_channels=target, norm=norm)
    )
    discriminator = PatchDiscriminator(
        dataclasses.replace(DISCRIMINATOR, in_channels=source + target, norm=norm)
    )
    with torch.no_grad():
        generator(torch.randn(2, source, 32, 32))
        discriminator(torch.randn(2, source + target, 32, 32))
    return generator, discriminator


def tensors(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def differing(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> set[str]:
    """The names of the tensors that are not equal bit for bit."""
    assert one.keys() == other.keys()
    return {name for name in one if not torch.equal(one[name], other[name])}


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
def test_networks_of_equal_channels_become_their_parent_bit_for_bit(norm: Norm) -> None:
    parent, own = ParentNetworks(*networks(1, norm=norm)), networks(2, norm=norm)
    assert new_layers(parent, own[0].config) == ()
    take_over(parent, *own)
    for before, after in zip(parent, own, strict=True):
        assert before is not None
        assert differing(tensors(before), tensors(after)) == set()


@pytest.mark.parametrize("mode", ["published", "deterministic"])
def test_before_its_first_step_a_training_translates_as_its_parent(
    small_params: Params, mode: InferenceMode
) -> None:
    parent = ParentNetworks(*networks(1))
    state = new_state(GENERATOR, DISCRIMINATOR, config=small_params.train, parent=parent)
    source = torch.rand(2, 3, 32, 32) * 2 - 1
    before, after = (
        translate(InferenceNetwork(generator, mode), source, seeds=[5, 6])
        for generator in (parent.generator, state.generator)
    )
    assert torch.equal(before, after)


@pytest.mark.parametrize(
    ("source", "target", "new"),
    [
        (1, 3, {"generator.down.0.conv", "discriminator.layers.0"}),
        (3, 1, {"generator.up.0.conv", "discriminator.layers.0"}),
        (4, 2, {"generator.down.0.conv", "generator.up.0.conv", "discriminator.layers.0"}),
    ],
)
def test_only_layers_of_other_channels_are_new_and_those_of_the_seed(
    small_params: Params, source: int, target: int, new: set[str]
) -> None:
    """With 4 and 2 channels, the discriminator's first layer has as many as its parent's."""
    parent = ParentNetworks(*networks(1))
    configs = (
        dataclasses.replace(GENERATOR, source_channels=source, target_channels=target),
        dataclasses.replace(DISCRIMINATOR, in_channels=source + target),
    )
    state = new_state(*configs, config=small_params.train, parent=parent)
    scratch = new_state(*configs, config=small_params.train)
    assert set(new_layers(parent, configs[0])) == new
    pairs = {
        "generator": (parent.generator, state.generator, scratch.generator),
        "discriminator": (parent.discriminator, state.discriminator, scratch.discriminator),
    }
    for network, (before, own, fresh) in pairs.items():
        assert before is not None
        old, started, drawn = tensors(before), tensors(own), tensors(fresh)
        for name, value in started.items():
            is_new = f"{network}.{name}".rpartition(".")[0] in new
            assert torch.equal(value, (drawn if is_new else old)[name]), name


def test_without_its_discriminator_the_training_has_a_new_one(small_params: Params) -> None:
    generator, _ = networks(1)
    parent = ParentNetworks(generator, None)
    state = new_state(GENERATOR, DISCRIMINATOR, config=small_params.train, parent=parent)
    scratch = new_state(GENERATOR, DISCRIMINATOR, config=small_params.train)
    assert differing(tensors(state.generator), tensors(generator)) == set()
    assert differing(tensors(state.discriminator), tensors(scratch.discriminator)) == set()


def test_training_does_not_change_the_parent(small_params: Params) -> None:
    parent = ParentNetworks(*networks(1))
    before = tensors(parent.generator)
    state = new_state(GENERATOR, DISCRIMINATOR, config=small_params.train, parent=parent)
    images = torch.rand(2, 3, 32, 32)
    train_step(state, images, images, small_params.train)
    assert differing(tensors(parent.generator), before) == set()
    assert differing(tensors(state.generator), before)


Change = Callable[
    [GeneratorConfig, DiscriminatorConfig], tuple[GeneratorConfig, DiscriminatorConfig]
]


def _generator(**changes: object) -> Change:
    return lambda g, d: (dataclasses.replace(g, **changes), d)  # type: ignore[arg-type]


def _discriminator(**changes: object) -> Change:
    return lambda g, d: (g, dataclasses.replace(d, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "row", "remedy"),
    [
        (
            _generator(base_channels=8),
            r"generator\.down\.0\.conv\.weight +4x3x4x4 +8x3x4x4",
            "Set model.base_channels: 4, or choose another parent",
        ),
        (
            _generator(depth=4),
            r"generator\.down\.3\.norm\.weight +32 +-",
            "Set model.depth: 5 (data.image_size must be a multiple of 32), or choose",
        ),
        (
            _generator(norm="none"),
            r"generator\.down\.1\.conv\.bias +- +8",
            "Set model.norm: batch, or choose",
        ),
        (
            _discriminator(num_layers=1),
            r"discriminator\.layers\.5\.weight +16x8x4x4 +1x8x4x4",
            "Set model.discriminator_layers: 2, or set train.init_networks: generator, or choose",
        ),
        (
            _discriminator(base_channels=2),
            r"discriminator\.layers\.0\.weight +4x6x4x4 +2x6x4x4",
            "Set model.discriminator_channels: 4, or set train.init_networks: generator, or choose",
        ),
    ],
)
def test_other_shapes_are_refused_with_a_table_and_the_parameters_to_set(
    change: Change, row: str, remedy: str
) -> None:
    parent = ParentNetworks(*networks(1))
    configs = change(GENERATOR, DISCRIMINATOR)
    with pytest.raises(UserError, match=row) as refused:
        check_fits(parent, *configs)
    assert remedy in str(refused.value)
    own = UNetGenerator(configs[0]), PatchDiscriminator(configs[1])
    before = [tensors(network) for network in own]
    with pytest.raises(UserError, match=row):
        take_over(parent, *own)
    for network, kept in zip(own, before, strict=True):
        assert differing(tensors(network), kept) == set()


def test_a_discriminator_of_other_networks_is_refused_with_what_remains() -> None:
    """Such as that of a CycleGAN, which sees the target alone."""
    generator, _ = networks(1)
    alone = PatchDiscriminator(dataclasses.replace(DISCRIMINATOR, in_channels=3))
    with pytest.raises(UserError, match=r"Set train\.init_networks: generator, or choose"):
        check_fits(ParentNetworks(generator, alone), GENERATOR, DISCRIMINATOR)


@pytest.mark.parametrize("recording", ["unet128_small", "unet256"])
def test_a_training_from_published_weights_starts_with_the_published_outputs(
    recording: str, default_params: Params, request: pytest.FixtureRequest
) -> None:
    shipped = Path(__file__).parents[2] / "data" / f"{recording}.safetensors"
    is_shipped = shipped.is_file()
    folder = shipped.parent if is_shipped else request.getfixturevalue("reference_dir")
    recorded = load_file(folder / shipped.name)
    generator, discriminator = (
        {
            key.removeprefix(f"{network}."): value
            for key, value in recorded.items()
            if key.startswith(f"{network}.")
        }
        for network in ("generator", "discriminator")
    )
    parent = ParentNetworks(
        generator_from_weights(generator, dropout=0.0), discriminator_from_weights(discriminator)
    )
    assert parent.discriminator is not None
    state = new_state(
        parent.generator.config,
        parent.discriminator.config,
        config=default_params.train,
        parent=parent,
    )
    source, target = recorded["input"], recorded["target"]
    fake = translate(
        InferenceNetwork(state.generator, "deterministic"), source, seeds=[0] * len(source)
    )
    torch.testing.assert_close(fake, recorded["output.eval"], atol=1e-5, rtol=0)
    with torch.no_grad():
        logits = state.discriminator.eval()(torch.cat([source, target], dim=1))
    torch.testing.assert_close(logits, recorded["logits.eval"], atol=1e-5, rtol=0)
    if is_shipped:  # five steps of the large networks take half a minute
        state.discriminator.train()
        config = dataclasses.replace(default_params.train, precision="float32")
        losses = [torch.stack(train_step(state, source, target, config).losses) for _ in range(5)]
        torch.testing.assert_close(torch.stack(losses), recorded["history"], atol=1e-4, rtol=0)
