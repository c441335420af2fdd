"""A trained generator as a network without modes: what translates, scores and is exported.

`published`: as the paper does (Isola et al. 2017, sec. 3.3): dropout on, and batch norm with the
statistics of the image at hand, which is instance norm with batch norm's scale and shift. Dropout
masks are an input, drawn from a seed per image.
`deterministic`: dropout off, batch norm with the statistics gathered in training, which is part of
the convolution before it.

Nothing here is switched, counted or drawn: an output is a function of weights, source and masks
alone, whichever threads share the network, and torch.export takes it as it is.
"""

# N batch, C channels, H, W pixels; float32 in [-1, 1] at both ends.

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pix2pix.models.generator import LEAK, UNetGenerator
from pix2pix.models.padding import pad_to_multiple

InferenceMode = Literal["published", "deterministic"]


class InferenceNetwork(nn.Module):
    """(N, source_channels, H, W) in [-1, 1] -> (N, target_channels, H, W) in [-1, 1].

    A view of the generator's weights in the `published` mode, a copy in the `deterministic` one: it
    is made anew after the generator was trained on. H and W must be multiples of 2**depth.
    """

    def __init__(self, generator: nn.Module, mode: InferenceMode) -> None:
        """`generator` is a UNetGenerator, in whichever mode, not wrapped for several workers."""
        super().__init__()
        assert isinstance(generator, UNetGenerator)
        self.config = generator.config
        self.mode = mode
        self.down = nn.ModuleList(_Block(block, mode) for block in generator.down)
        self.up = nn.ModuleList(_Block(block, mode) for block in generator.up)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.buffers()).device

    def mask_shapes(self, height: int, width: int) -> dict[int, tuple[int, int, int]]:
        """The (C, H, W) of the dropout mask of each level that has one, from the inside out."""
        if self.mode == "deterministic":
            return {}
        config = self.config
        return {
            level: (config.width(level - 1), height >> level, width >> level)
            for level in reversed(range(1, config.depth))
            if config.drops(level)
        }

    def forward(self, source: Tensor, masks: Sequence[Tensor] = ()) -> Tensor:
        """Translate a batch; `masks` (N, C, H, W) are factors, one per level of `mask_shapes`."""
        config = self.config
        config.check_size(*source.shape[-2:])
        factors = dict(zip(self.mask_shapes(*source.shape[-2:]), masks, strict=True))
        skips: list[Tensor] = []
        x = source
        for down in self.down:
            # In place, to need half the memory: the way up sees skips through ReLU, to which
            # negative numbers are all the same.
            x = down(x if not skips else F.leaky_relu_(x, LEAK))
            skips.append(x)
        del x
        joined = skips.pop()
        for level in reversed(range(1, config.depth)):
            x = self.up[level](F.relu_(joined))
            if level in factors:
                x = x * factors[level]
            del joined
            joined = torch.cat([skips.pop(), x], dim=1)
            del x
        return torch.tanh(self.up[0](F.relu_(joined)))


@torch.inference_mode()
def translate(network: InferenceNetwork, source: Tensor, *, seeds: Sequence[int]) -> Tensor:
    """Translate (N, C, H, W) in [-1, 1] to (N, C', H, W) in [-1, 1], float32.

    H and W are any: images are padded by reflection where the network needs it, and the result is
    cropped. `seeds` has one dropout seed per image; the `deterministic` mode does not look at it.
    An image's result depends on its seed and not on its neighbours, but for the rounding of the
    convolutions.
    """
    if len(seeds) != len(source):
        raise ValueError(f"{len(source)} images need as many seeds, got {len(seeds)}")
    height, width = source.shape[-2:]
    source = pad_to_multiple(source, 2**network.config.depth)
    shapes = network.mask_shapes(*source.shape[-2:]).values()
    masks = _masks(seeds, shapes=list(shapes), rate=network.config.dropout)
    fake: Tensor = network(source, [mask.to(source.device) for mask in masks])
    return fake.float()[..., :height, :width]  # autocast leaves bfloat16


def _masks(
    seeds: Sequence[int], *, shapes: Sequence[tuple[int, int, int]], rate: float
) -> list[Tensor]:
    """Per shape (N, *shape): 0 with probability `rate`, else 1 / (1 - rate).

    Drawn on the CPU, so that every device computes with the same masks: those that
    `torch.manual_seed(seed)` and nn.Dropout give for one image there.
    """
    drawn: dict[int, list[Tensor]] = {}
    for seed in dict.fromkeys(seeds):
        random = torch.Generator().manual_seed(seed)
        drawn[seed] = [
            torch.empty(shape).bernoulli_(1.0 - rate, generator=random) / (1.0 - rate)
            for shape in shapes
        ]
    if len(drawn) == 1:  # the usual case; the same mask serves all images without copies
        return [mask.expand(len(seeds), *mask.shape) for mask in next(iter(drawn.values()))]
    return [torch.stack([drawn[seed][place] for seed in seeds]) for place in range(len(shapes))]


class _Norm(NamedTuple):
    """What instance norm does to a convolution's output; None: nothing to scale or shift."""

    weight: Tensor | None
    bias: Tensor | None
    eps: float


class _Block(nn.Module):
    """A 4x4 convolution by two, down or up (, instance norm)."""

    weight: Tensor
    bias: Tensor | None
    scale: Tensor | None
    shift: Tensor | None

    def __init__(self, block: nn.Module, mode: InferenceMode) -> None:
        super().__init__()
        conv, norm = block.get_submodule("conv"), block.get_submodule("norm")
        assert isinstance(conv, nn.Conv2d | nn.ConvTranspose2d)
        self.is_up = isinstance(conv, nn.ConvTranspose2d)
        weight, bias = conv.weight.detach(), _detached(conv.bias)
        instance_norm = None
        if isinstance(norm, nn.BatchNorm2d):
            if mode == "deterministic":
                weight, bias = _folded(weight, bias, norm, channel_axis=int(self.is_up))
            else:
                instance_norm = _Norm(_detached(norm.weight), _detached(norm.bias), norm.eps)
        elif isinstance(norm, nn.InstanceNorm2d):
            instance_norm = _Norm(None, None, norm.eps)
        self.eps = None if instance_norm is None else instance_norm.eps
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        self.register_buffer("scale", None if instance_norm is None else instance_norm.weight)
        self.register_buffer("shift", None if instance_norm is None else instance_norm.bias)

    def forward(self, x: Tensor) -> Tensor:
        convolve = F.conv_transpose2d if self.is_up else F.conv2d
        x = convolve(x, self.weight, self.bias, stride=2, padding=1)
        if self.eps is None:
            return x
        # Not F.instance_norm, which refuses maps of one pixel: their value becomes the shift.
        return torch.instance_norm(
            x, self.scale, self.shift, None, None, True, 0.0, self.eps, cudnn_enabled=True
        )


def _folded(
    weight: Tensor, bias: Tensor | None, norm: nn.BatchNorm2d, *, channel_axis: int
) -> tuple[Tensor, Tensor]:
    """Weight and bias of the convolution that does what it and batch norm in eval mode do."""
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    factor = norm.weight.detach().double() * (variance.double() + norm.eps).rsqrt()
    before = 0.0 if bias is None else bias.double()
    folded_bias = norm.bias.detach().double() + (before - mean.double()) * factor
    shape = [1, 1, 1, 1]
    shape[channel_axis] = -1
    return (weight.double() * factor.view(shape)).to(weight.dtype), folded_bias.to(weight.dtype)


def _detached(parameter: Tensor | None) -> Tensor | None:
    return None if parameter is None else parameter.detach()
