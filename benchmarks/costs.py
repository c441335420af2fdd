"""What the two networks compute and send, counted on tensors without memory."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import conv_flop_count

from pix2pix.config import Params, height_width
from pix2pix.models import PatchDiscriminator, UNetGenerator, network_configs

_CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)
# Adam reads the weight, its gradient and two moments, and writes all but the gradient: float32.
_OPTIMIZER_BYTES = 7 * 4


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution and the norm behind it."""

    parameters: int
    flops: int  # of the forward pass of one image; a multiply-add counts as two


@dataclass(frozen=True, slots=True)
class Network:
    """Layers in the order of the forward pass."""

    layers: tuple[Layer, ...]

    @property
    def parameters(self) -> int:
        """Of all layers."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def forward_flops(self) -> int:
        """Of one image."""
        return sum(layer.flops for layer in self.layers)

    @property
    def backward_flops(self) -> tuple[int, ...]:
        """Of one image by layer, last layer first: for its weights and for what went in.

        The first layer's source is data and needs no gradient.
        """
        first, *others = self.layers
        return (*(2 * layer.flops for layer in reversed(others)), first.flops)


@dataclass(frozen=True, slots=True)
class Networks:
    """What one training step works on."""

    generator: Network
    discriminator: Network

    @property
    def step_flops(self) -> int:
        """Of one image in one step: see `pix2pix.training.train_step`.

        G forward and backward; D forward on fake and real and backward through both; then D
        forward and backward once more for G's sake, with no gradient for D's weights.
        """
        own = sum(
            network.forward_flops * passes + sum(network.backward_flops) * passes
            for network, passes in ((self.generator, 1), (self.discriminator, 2))
        )
        return own + 2 * self.discriminator.forward_flops

    @property
    def parameters(self) -> int:
        """Gradients that are sent in a step."""
        return self.generator.parameters + self.discriminator.parameters

    @property
    def optimizer_bytes(self) -> int:
        """Read and written by both updates."""
        return _OPTIMIZER_BYTES * self.parameters


def count_networks(params: Params) -> Networks:
    """Count the networks of a parameter file at its image size."""
    generator_config, discriminator_config = network_configs(params)
    size = (1, generator_config.source_channels, *height_width(params.data.image_size))
    pair = (1, discriminator_config.in_channels, *size[2:])
    with torch.device("meta"):
        return Networks(
            generator=_count(UNetGenerator(generator_config), torch.empty(size)),
            discriminator=_count(PatchDiscriminator(discriminator_config), torch.empty(pair)),
        )


def _count(network: nn.Module, image: Tensor) -> Network:
    layers: list[Layer] = []

    def count_convolution(layer: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        flops = conv_flop_count(
            list(inputs[0].shape),
            list(layer.weight.shape),
            list(output.shape),
            transposed=isinstance(layer, nn.ConvTranspose2d),
        )
        layers.append(Layer(_num_parameters(layer), flops))

    def count_norm(norm: nn.Module, *_: Any) -> None:
        layers[-1] = Layer(layers[-1].parameters + _num_parameters(norm), layers[-1].flops)

    for module in network.modules():
        if isinstance(module, _CONVOLUTIONS):
            module.register_forward_hook(count_convolution)
        elif not list(module.children()):
            module.register_forward_hook(count_norm)
    network(image)
    return Network(tuple(layers))


def _num_parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters(recurse=False))
