"""U-Net generator (Isola et al. 2017, sec. 6.1.1).

Level 0 is the outermost. `down[i]` halves height and width, and `up[i]` doubles them. The input of
`down[i + 1]` is also concatenated with the output of `up[i + 1]` (a skip connection).
"""

# N batch, C channels, H, W pixels; float32 in [-1, 1] at both ends.

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from pix2pix.config import (
    MAX_SOURCE_CHANNELS,
    DropoutLayout,
    Upsample,
    dropout_levels,
    why_not_as_target,
)
from pix2pix.models.layers import Norm, needs_bias, norm_layer
from pix2pix.models.residual import added_to_source
from pix2pix.models.upsampling import upsampling

LEAK = 0.2  # slope of LeakyReLU for negative numbers
_MAX_WIDTH = 8  # times base_channels, from the fourth level inwards


@dataclass(frozen=True, kw_only=True, slots=True)
class GeneratorConfig:
    """Everything that determines what the generator computes from its weights.

    The bounds are those of params.yaml. They are checked when a model's card is read.
    """

    source_channels: Annotated[int, Field(ge=1, le=MAX_SOURCE_CHANNELS)] = 3
    target_channels: Annotated[int, Field(ge=1, le=64)] = 3
    base_channels: Annotated[int, Field(ge=1, le=512)] = 64
    depth: Annotated[int, Field(ge=2, le=12)] = 8
    norm: Norm = "batch"
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    dropout_layout: DropoutLayout = "pytorch"
    upsample: Upsample = "transposed"
    # How many of the first channels of the source the output is added to; 0: it stands for itself.
    residual_channels: Annotated[int, Field(ge=0, le=MAX_SOURCE_CHANNELS)] = 0

    def __post_init__(self) -> None:
        if self.depth < 2:
            raise ValueError(f"depth must be at least 2, got {self.depth}")
        if self.residual_channels > self.source_channels:
            raise ValueError(
                f"residual_channels is {self.residual_channels}, but the source has "
                f"{self.source_channels}"
            )
        reason = why_not_as_target(self.residual_channels, self.target_channels)
        if self.residual_channels and reason is not None:
            raise ValueError(f"residual_channels: {reason}")

    def width(self, level: int) -> int:
        """Return the number of channels between `down[level]` and `up[level]`."""
        return self.base_channels * min(1 << level, _MAX_WIDTH)

    def has_dropout(self, level: int) -> bool:
        """Return whether `up[level]` ends in dropout.

        Dropout has no weights, so weights load without an error in a wrong layout, and only the
        images differ.
        """
        return self.dropout > 0 and level in dropout_levels(self.dropout_layout, self.depth)

    @property
    def multiple_px(self) -> int:
        """Height and width of images must be multiples of this, because each level halves them."""
        return 1 << self.depth

    def check_size(self, height: int, width: int) -> None:
        """Raise ValueError unless height and width (px) can be halved `depth` times."""
        multiple = self.multiple_px
        if height % multiple or width % multiple:
            raise ValueError(
                f"this generator halves {self.depth} times: height and width must be "
                f"multiples of {multiple}, got {height}x{width}"
            )


class _Down(nn.Module):
    """Convolution 4x4 with stride 2; before it LeakyReLU and after it a norm, at most levels."""

    def __init__(self, config: GeneratorConfig, level: int) -> None:
        super().__init__()
        in_channels = config.source_channels if level == 0 else config.width(level - 1)
        self.activate = level > 0
        # A norm would set an innermost map of one pixel to zero at batch size 1 (see the errata of
        # version 3 of the paper).
        normed = 0 < level < config.depth - 1
        bias = needs_bias(config.norm, normed=normed)
        self.conv = nn.Conv2d(in_channels, config.width(level), 4, stride=2, padding=1, bias=bias)
        self.norm = norm_layer(config.norm, config.width(level)) if normed else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        if self.activate:
            x = F.leaky_relu(x, LEAK)
        features: Tensor = self.norm(self.conv(x))
        return features


class _Up(nn.Module):
    """ReLU, convolution that doubles the size; then, at some levels, norm and dropout."""

    def __init__(self, config: GeneratorConfig, level: int) -> None:
        super().__init__()
        num_inputs = 1 if level == config.depth - 1 else 2  # the second is the skip connection
        out_channels = config.target_channels if level == 0 else config.width(level - 1)
        self.conv = upsampling(
            config.upsample,
            num_inputs * config.width(level),
            out_channels,
            bias=level == 0 or needs_bias(config.norm, normed=True),
        )
        self.norm = norm_layer(config.norm, out_channels) if level > 0 else nn.Identity()
        self.dropout = nn.Dropout(config.dropout) if config.has_dropout(level) else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        features: Tensor = self.dropout(self.norm(self.conv(F.relu(x))))
        return features


class UNetGenerator(nn.Module):
    """Maps (N, source_channels, H, W) to (N, target_channels, H, W), both in [-1, 1].

    H and W must be multiples of 2**depth; otherwise a ValueError is raised.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.down = nn.ModuleList(_Down(config, level) for level in range(config.depth))
        self.up = nn.ModuleList(_Up(config, level) for level in range(config.depth))

    def forward(self, source: Tensor) -> Tensor:
        """Translate a batch of sources."""
        self.config.check_size(*source.shape[-2:])
        skips = [source]
        for down in self.down:
            skips.append(down(skips[-1]))
        x = skips.pop()
        for level in reversed(range(1, self.config.depth)):
            x = torch.cat([skips.pop(), self.up[level](x)], dim=1)
        return image(self.up[0](x), source, self.config)


def image(values: Tensor, source: Tensor, config: GeneratorConfig) -> Tensor:
    """Return the generated image in [-1, 1] from the output of the last layer, both (N, C, H, W).

    `source` is what the generator received.
    """
    if config.residual_channels:
        values = added_to_source(values, source[:, : config.residual_channels])
    return torch.tanh(values)
