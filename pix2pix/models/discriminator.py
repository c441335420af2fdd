"""PatchGAN discriminator (Isola et al. 2017, sec. 3.2.2 and 6.1.2): one logit per patch."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from pix2pix.models.layers import Norm, needs_bias, norm_layer

_LEAK = 0.2
_MAX_WIDTH = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class DiscriminatorConfig:
    """Everything that fixes the discriminator's tensors.

    The bounds are those of params.yaml; they hold where a model's card is read.
    """

    in_channels: Annotated[int, Field(ge=1, le=128)] = 6  # source and target together
    base_channels: Annotated[int, Field(ge=1, le=512)] = 64
    num_layers: Annotated[int, Field(ge=0, le=5)] = 3
    norm: Norm = "batch"

    def __post_init__(self) -> None:
        if not 0 <= self.num_layers <= 5:
            raise ValueError(f"num_layers must be 0 to 5, got {self.num_layers}")


class PatchDiscriminator(nn.Module):
    """Judges source and target together: logits (N, 1, H', W'), positive for real.

    `num_layers` 0 to 5 gives patches of 1, 16, 34, 70, 142 and 286 px. The last two layers have
    stride 1, hence 30x30 logits from 256x256 px at three layers.
    """

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        layers = _pixel_layers(config) if config.num_layers == 0 else _patch_layers(config)
        self.layers = nn.Sequential(*layers)

    def forward(self, pair: Tensor) -> Tensor:
        """Logits of source and target (or fake) concatenated: (N, in_channels, H, W), [-1, 1]."""
        logits: Tensor = self.layers(pair)
        return logits


def _pixel_layers(config: DiscriminatorConfig) -> list[nn.Module]:
    """Each pixel by itself: 1x1 convolutions only."""
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
    """4x4 convolutions: `num_layers` of stride 2, one of stride 1, and the one that judges."""
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
