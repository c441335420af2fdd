"""PatchGAN discriminator (Isola et al. 2017, sec. 3.2.2 and 6.1.2): one logit per patch."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from pix2pix.models.layers import Norm, needs_bias, norm_layer

_LEAK = 0.2  # slope of LeakyReLU for negative numbers
_MAX_WIDTH = 8  # times base_channels


@dataclass(frozen=True, kw_only=True, slots=True)
class DiscriminatorConfig:
    """Everything that determines the shapes of the discriminator's tensors.

    The bounds are those of params.yaml. They are checked when a model's card is read.
    """

    in_channels: Annotated[int, Field(ge=1, le=128)] = 6  # source and target together
    base_channels: Annotated[int, Field(ge=1, le=512)] = 64
    num_layers: Annotated[int, Field(ge=0, le=5)] = 3
    norm: Norm = "batch"

    def __post_init__(self) -> None:
        if not 0 <= self.num_layers <= 5:
            raise ValueError(f"num_layers must be 0 to 5, got {self.num_layers}")


class PatchDiscriminator(nn.Module):
    """Maps source and target to logits (N, 1, H', W'), which are positive for a real target.

    `num_layers` 0 to 5 gives patches of 1, 16, 34, 70, 142 and 286 px. The last two layers have
    stride 1; so three layers give 30x30 logits for 256x256 px.
    """

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        layers = _pixel_layers(config) if config.num_layers == 0 else _patch_layers(config)
        self.layers = nn.Sequential(*layers)

    def forward(self, pair: Tensor) -> Tensor:
        """Return the logits; `pair` is source and target (or fake), (N, in_channels, H, W)."""
        logits: Tensor = self.layers(pair)
        return logits

    def patches_with(self, pixels: Tensor) -> Tensor:
        """Return which patches contain at least one of the pixels (N, 1, H, W) bool.

        The result is (N, 1, H', W') bool, of the size of the logits.
        """
        found = pixels.float()
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):
                assert not isinstance(layer.padding, str)
                found = F.max_pool2d(found, layer.kernel_size, layer.stride, layer.padding)
        return found > 0


def _pixel_layers(config: DiscriminatorConfig) -> list[nn.Module]:
    """Return 1x1 convolutions, which classify each pixel by itself."""
    width = config.base_channels
    return [
        nn.Conv2d(config.in_channels, width, 1),
        nn.LeakyReLU(_LEAK),
        nn.Conv2d(width, 2 * width, 1, bias=needs_bias(config.norm, normed=True)),
        norm_layer(config.norm, 2 * width),
        nn.LeakyReLU(_LEAK),
        nn.Conv2d(2 * width, 1, 1, bias=needs_bias(config.norm, normed=False)),
    ]


def _patch_layers(config: DiscriminatorConfig) -> list[nn.Module]:
    """Return 4x4 convolutions: `num_layers` of stride 2, then two of stride 1."""
    width = config.base_channels
    layers: list[nn.Module] = [
        nn.Conv2d(config.in_channels, width, 4, stride=2, padding=1),
        nn.LeakyReLU(_LEAK),
    ]
    bias = needs_bias(config.norm, normed=True)
    for layer in range(1, config.num_layers + 1):
        in_channels, width = width, config.base_channels * min(1 << layer, _MAX_WIDTH)
        stride = 2 if layer < config.num_layers else 1
        layers += [
            nn.Conv2d(in_channels, width, 4, stride, padding=1, bias=bias),
            norm_layer(config.norm, width),
            nn.LeakyReLU(_LEAK),
        ]
    return [*layers, nn.Conv2d(width, 1, 4, stride=1, padding=1)]
