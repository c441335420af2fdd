"""The plain implementation that rows are held to computes what the published one recorded."""

import torch
from torch import Tensor, nn

from benchmarks.published import Discriminator, Generator, Training
from benchmarks.training_step import published_params
from pix2pix.models import PatchDiscriminator, UNetGenerator, network_configs
from tests.support.recording import recorded, weights_of

__all__ = ["recorded"]  # a fixture


def test_five_steps_give_the_published_losses(recorded: dict[str, Tensor]) -> None:
    width, depth = len(recorded["discriminator.model.0.bias"]), recorded["input"].shape[-1]
    generator = Generator(width=width, depth=depth.bit_length() - 1, dropout=0.0)
    generator.load_state_dict(weights_of(recorded, "generator"))
    discriminator = Discriminator(width=width)
    discriminator.load_state_dict(weights_of(recorded, "discriminator"))
    training = Training(generator, discriminator)
    source, target = recorded["input"], recorded["target"]
    losses = [torch.stack(training.step(source, target)) for _ in range(5)]
    torch.testing.assert_close(torch.stack(losses), recorded["history"], atol=1e-4, rtol=0)


def test_cudnn_measures_its_algorithms_in_each_step_as_in_the_published_training() -> None:
    training = Training(Generator(width=1, depth=6), Discriminator(width=1))
    found = []
    training.generator.register_forward_pre_hook(
        lambda *_: found.append((torch.backends.cudnn.enabled, torch.backends.cudnn.benchmark))
    )
    images = torch.rand(2, 3, 64, 64)
    for _ in range(2):
        training.step(images, images)
    assert found == [(True, True)] * 2
    assert not torch.backends.cudnn.benchmark  # the steps that are measured beside it


def test_it_has_the_sizes_and_the_dropout_of_our_networks() -> None:
    configs = network_configs(published_params())
    kinds = (UNetGenerator, PatchDiscriminator)
    with torch.device("meta"):
        plain = (Generator(), Discriminator())
        ours = [kind(config) for kind, config in zip(kinds, configs, strict=True)]  # type: ignore[arg-type]
    for networks in zip(plain, ours, strict=True):
        sizes, drops = zip(*map(_sizes_and_dropouts, networks), strict=True)
        assert sizes[0] == sizes[1]
        assert drops[0] == drops[1]


def _sizes_and_dropouts(network: nn.Module) -> tuple[list[int], int]:
    sizes = sorted(parameter.numel() for parameter in network.parameters())
    return sizes, sum(isinstance(module, nn.Dropout) for module in network.modules())
