"""A trained generator in the form in which it translates, is scored and is exported.

There are two inference modes. `published` is that of the paper (Isola et al. 2017, sec. 3.3):
dropout is on, and batch norm uses the statistics of each image, which is instance norm with batch
norm's scale and shift. The dropout masks are an input; they are drawn from one seed for each image.
`deterministic`: dropout is off, and batch norm uses the statistics of the training, so that it can
be merged with the convolution before it.

The network has no training or eval mode and no state: an output depends only on weights, source and
masks. So several threads may share a network, and torch.export accepts it.
"""

# N batch, C channels, H, W pixels; float32 in [-1, 1] at both ends.

import math
from collections.abc import Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pix2pix.models.generator import LEAK, UNetGenerator, image
from pix2pix.models.padding import pad_to_multiple
from pix2pix.models.upsampling import kernel

InferenceMode = Literal["published", "deterministic"]

MASK_PART = 2**24  # values of a dropout mask that are drawn at once


class InferenceNetwork(nn.Module):
    """Maps (N, source_channels, H, W) to (N, target_channels, H, W), both in [-1, 1].

    In the `published` mode it shares weights of the generator, in the `deterministic` mode it has a
    copy; so make a new one after more training. H and W must be multiples of 2**depth.
    """

    def __init__(self, generator: nn.Module, mode: InferenceMode) -> None:
        """`generator` is a UNetGenerator in any mode, which is not wrapped for several workers."""
        super().__init__()
        assert isinstance(generator, UNetGenerator)
        self.config = generator.config
        self.mode = mode
        self.down = nn.ModuleList(Block(block, mode) for block in generator.down)
        self.up = nn.ModuleList(Block(block, mode) for block in generator.up)

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return next(self.buffers()).device

    def mask_shapes(self, height: int, width: int) -> dict[int, tuple[int, int, int]]:
        """Return (C, H, W) of the dropout mask of each level that has one, innermost first."""
        if self.mode == "deterministic":
            return {}
        config = self.config
        return {
            level: (config.width(level - 1), height // 2**level, width // 2**level)
            for level in reversed(range(1, config.depth))
            if config.has_dropout(level)
        }

    def forward(self, source: Tensor, masks: Sequence[Tensor] = ()) -> Tensor:
        """Translate a batch; `masks` are factors, one per level of `mask_shapes`.

        They are (N, C, H, W), or (C, H, W) for all images alike.
        """
        config = self.config
        config.check_size(*source.shape[-2:])
        factors = dict(zip(self.mask_shapes(*source.shape[-2:]), masks, strict=True))
        skips: list[Tensor] = []
        x = source
        for down in self.down:
            # In place, which halves the memory. It does not change the decoder's inputs: ReLU comes
            # first there, and it maps every negative number to zero.
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
        return image(self.up[0](F.relu_(joined)), source, config)


@torch.inference_mode()
def translate(network: InferenceNetwork, source: Tensor, *, seeds: Sequence[int]) -> Tensor:
    """Translate (N, C, H, W) in [-1, 1] to (N, C', H, W) in [-1, 1], float32.

    H and W are any: images are padded by reflection where the network needs it, and the result is
    cropped. `seeds` has one dropout seed for each image; the `deterministic` mode does not use
    them. The result of an image depends on its seed and not on the other images of the batch,
    except for rounding in the convolutions. Raises ValueError if the number of seeds is wrong.
    """
    if len(seeds) != len(source):
        raise ValueError(f"{len(source)} images need as many seeds, got {len(seeds)}")
    height, width = source.shape[-2:]
    source = pad_to_multiple(source, network.config.multiple_px)
    masks = dropout_masks(network, *source.shape[-2:], seeds=seeds)
    fake: Tensor = network(source, [mask.to(source.device) for mask in masks])
    return fake.float()[..., :height, :width]  # autocast leaves bfloat16


def dropout_masks(
    network: InferenceNetwork, height: int, width: int, *, seeds: Sequence[int]
) -> list[Tensor]:
    """Return the masks (N, C, H, W) that `network` needs for padded images of height and width.

    A value is 0 with the probability of the dropout, else 1 / (1 - probability). They are drawn on
    the CPU, so that all devices use the same masks: those that nn.Dropout draws for one image on
    the CPU after `torch.manual_seed(seed)`, unless the masks are very large.
    """
    shapes = list(network.mask_shapes(height, width).values())
    rate = network.config.dropout
    drawn: dict[int, list[Tensor]] = {}
    for seed in dict.fromkeys(seeds):
        random = torch.Generator().manual_seed(seed)
        drawn[seed] = [
            torch.cat(list(drawn_parts(shape, rate=rate, random=random))).view(shape) / (1.0 - rate)
            for shape in shapes
        ]
    if len(drawn) == 1:  # the usual case; the same mask serves all images without copies
        return [mask.expand(len(seeds), *mask.shape) for mask in next(iter(drawn.values()))]
    return [torch.stack([drawn[seed][index] for seed in seeds]) for index in range(len(shapes))]


def drawn_parts(shape: Sequence[int], *, rate: float, random: torch.Generator) -> Iterator[Tensor]:
    """Draw a mask of 0 with probability `rate`, else 1, as flat parts of limited size.

    A mask must be the same whether it is needed whole or part by part. With Intel's library, torch
    gives other values if the same tensor is drawn in other parts, so all callers use these.
    """
    size = math.prod(shape)
    for first in range(0, size, MASK_PART):
        part = torch.empty(min(MASK_PART, size - first))
        yield part.bernoulli_(1.0 - rate, generator=random)


class Block(nn.Module):
    """A 4x4 convolution that halves or doubles height and width, with or without instance norm."""

    weight: Tensor
    bias: Tensor | None
    scale: Tensor | None
    shift: Tensor | None
    eps: float | None  # of the norm; None: there is none

    def __init__(self, block: nn.Module, mode: InferenceMode) -> None:
        super().__init__()
        conv, norm = block.get_submodule("conv"), block.get_submodule("norm")
        assert isinstance(conv, nn.Conv2d | nn.ConvTranspose2d)
        self.is_up = isinstance(conv, nn.ConvTranspose2d)
        weight, bias = kernel(conv).detach(), _detached(conv.bias)
        scale = shift = None
        self.eps = None
        if isinstance(norm, nn.BatchNorm2d) and mode == "deterministic":
            weight, bias = _merged_with_norm(weight, bias, norm, channel_axis=int(self.is_up))
        elif isinstance(norm, nn.BatchNorm2d):
            scale, shift, self.eps = _detached(norm.weight), _detached(norm.bias), norm.eps
        elif isinstance(norm, nn.InstanceNorm2d):
            self.eps = norm.eps
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        self.register_buffer("scale", scale)
        self.register_buffer("shift", shift)

    @property
    def out_channels(self) -> int:
        """The number of channels that the convolution computes."""
        return self.weight.shape[int(self.is_up)]

    def convolve(self, x: Tensor, *, padding: int) -> Tensor:
        """The convolution alone, without the norm."""
        convolve = F.conv_transpose2d if self.is_up else F.conv2d
        return convolve(x, self.weight, self.bias, stride=2, padding=padding)

    def forward(self, x: Tensor) -> Tensor:
        """The convolution and the norm."""
        x = self.convolve(x, padding=1)
        if self.eps is None:
            return x
        # Not F.instance_norm, which refuses maps of one pixel: their value becomes the shift.
        return torch.instance_norm(
            x, self.scale, self.shift, None, None, True, 0.0, self.eps, cudnn_enabled=True
        )


def _merged_with_norm(
    weight: Tensor, bias: Tensor | None, norm: nn.BatchNorm2d, *, channel_axis: int
) -> tuple[Tensor, Tensor]:
    """Return weight and bias of a convolution that equals this one and batch norm in eval mode."""
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    factor = norm.weight.detach().double() * (variance.double() + norm.eps).rsqrt()
    before = 0.0 if bias is None else bias.double()
    merged_bias = norm.bias.detach().double() + (before - mean.double()) * factor
    shape = [1, 1, 1, 1]
    shape[channel_axis] = -1
    return (weight.double() * factor.view(shape)).to(weight.dtype), merged_bias.to(weight.dtype)


def _detached(parameter: Tensor | None) -> Tensor | None:
    return None if parameter is None else parameter.detach()
