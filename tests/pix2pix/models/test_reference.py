"""Equality with the published implementation, by its recorded weights, batches and results."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from pix2pix.config import Params
from pix2pix.models import (
    DiscriminatorConfig,
    GeneratorConfig,
    InferenceNetwork,
    PatchDiscriminator,
    UNetGenerator,
    translate,
)
from pix2pix.models.reference import (
    discriminator_from_file,
    discriminator_from_weights,
    generator_from_file,
    generator_from_weights,
)
from pix2pix.training import train_step
from pix2pix.training.state import state_of
from tests.support.recording import recorded, weights_of

__all__ = ["recorded"]  # a fixture


def _networks(recorded: dict[str, Tensor]) -> tuple[UNetGenerator, PatchDiscriminator]:
    generator = generator_from_weights(weights_of(recorded, "generator"), dropout=0.0)
    return generator, discriminator_from_weights(weights_of(recorded, "discriminator"))


@torch.no_grad()
def test_outputs_equal_the_published_ones_in_both_modes(recorded: dict[str, Tensor]) -> None:
    generator, discriminator = _networks(recorded)
    source, target = recorded["input"], recorded["target"]
    torch.testing.assert_close(
        generator.train()(source), recorded["output.train"], atol=1e-5, rtol=0
    )
    generator, _ = _networks(recorded)  # the pass above moved the running statistics
    torch.testing.assert_close(generator.eval()(source), recorded["output.eval"], atol=1e-5, rtol=0)
    logits = discriminator.eval()(torch.cat([source, target], dim=1))
    torch.testing.assert_close(logits, recorded["logits.eval"], atol=1e-5, rtol=0)


def test_the_inference_network_gives_the_published_outputs(recorded: dict[str, Tensor]) -> None:
    """In training mode, two images were recorded in one batch; the network gets them one by one."""
    generator, _ = _networks(recorded)
    source = recorded["input"]
    seeds = [0] * len(source)
    fake = translate(InferenceNetwork(generator, "deterministic"), source, seeds=seeds)
    torch.testing.assert_close(fake, recorded["output.eval"], atol=1e-5, rtol=0)
    fake = translate(InferenceNetwork(generator, "published"), source, seeds=seeds)
    with torch.no_grad():
        alone = torch.cat([generator.train()(image[None]) for image in source])
    torch.testing.assert_close(fake, alone, atol=1e-5, rtol=0)


def test_five_steps_give_the_published_losses(
    recorded: dict[str, Tensor], default_params: Params
) -> None:
    config = replace(default_params.train, precision="float32")  # some processors take bfloat16
    state = state_of(*_networks(recorded), config=config)
    source, target = recorded["input"], recorded["target"]
    losses = [torch.stack(train_step(state, source, target, config).losses) for _ in range(5)]
    torch.testing.assert_close(torch.stack(losses), recorded["history"], atol=1e-4, rtol=0)


def test_after_five_steps_the_small_network_gives_the_published_image(
    default_params: Params,
) -> None:
    """The large network is not compared: its norm over two pixels enlarges rounding to 0.01."""
    recorded = load_file(Path(__file__).parents[2] / "data" / "unet128_small.safetensors")
    config = replace(default_params.train, precision="float32")  # some processors take bfloat16
    state = state_of(*_networks(recorded), config=config)
    for _ in range(5):
        train_step(state, recorded["input"], recorded["target"], config)
    with torch.no_grad():
        after = state.generator(recorded["input"])
    torch.testing.assert_close(after, recorded["output.after"], atol=1e-5, rtol=0)


def test_sizes_depth_and_norm_are_read_from_the_tensors(recorded: dict[str, Tensor]) -> None:
    generator, discriminator = _networks(recorded)
    size, width = recorded["input"].shape[-1], recorded["discriminator.model.0.bias"].numel()
    assert generator.config == GeneratorConfig(
        base_channels=width, depth=size.bit_length() - 1, dropout=0.0
    )
    assert discriminator.config == DiscriminatorConfig(base_channels=width)


def test_a_published_checkpoint_file_loads_with_the_prefix_of_data_parallel(
    recorded: dict[str, Tensor], tmp_path: Path
) -> None:
    path = tmp_path / "latest_net_G.pth"
    weights = weights_of(recorded, "generator")
    torch.save({f"module.{key}": value for key, value in weights.items()}, path)
    loaded = generator_from_file(path).state_dict()
    expected = generator_from_weights(weights).state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in expected.items())


@pytest.mark.parametrize("read", [generator_from_file, discriminator_from_file])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"model": len}, "damaged, or holds more than tensors"),  # would run code
        ([1, 2], "not a state dict"),
        ({"conv.weight": torch.zeros(3, 3, 3, 3)}, "not the weights of a published"),
    ],
)
def test_other_files_are_refused_and_named(
    read: Callable[[Path], object], content: object, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "other_net_G.pth"
    torch.save(content, path)
    with pytest.raises(ValueError, match=rf"other_net_G\.pth: .*{message}"):
        read(path)


def _published_keys(network: PatchDiscriminator) -> dict[str, Tensor]:
    """Return our weights under the published names, with the biases of the published code."""
    config, weights = network.config, network.state_dict()
    last = len(network.layers) - 1
    root = "net" if config.num_layers == 0 else "model"
    published = {}
    for index, layer in enumerate(network.layers):
        if not isinstance(layer, torch.nn.Conv2d):
            continue
        key = f"layers.{index}"
        published[f"{root}.{index}.weight"] = weights[f"{key}.weight"]
        outer = index in (0, last) and not (config.num_layers == 0 and index == last)
        if outer or config.norm == "instance":
            default = torch.full((layer.out_channels,), 0.5)  # cancelled by the norm behind it
            published[f"{root}.{index}.bias"] = weights.get(f"{key}.bias", default)
    return published


@pytest.mark.parametrize("norm", ["instance", "none"])
@pytest.mark.parametrize("num_layers", [0, 1, 5])
def test_published_discriminators_of_other_kinds_give_the_same_logits(
    norm: str, num_layers: int
) -> None:
    torch.manual_seed(0)
    config = DiscriminatorConfig(in_channels=4, base_channels=2, num_layers=num_layers, norm=norm)
    original = PatchDiscriminator(config)
    for name, parameter in original.named_parameters():
        if name.endswith("bias") and norm == "none":
            torch.nn.init.zeros_(parameter)
    loaded = discriminator_from_weights(_published_keys(original))
    assert loaded.config == config
    pair = torch.randn(1, 4, 128, 128)
    assert torch.equal(loaded(pair), original(pair))
