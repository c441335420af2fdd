"""The decoder's convolutions, which double height and width.

A transposed convolution may leave a pattern of a checkerboard: where its kernels overlap, unlike
numbers of its weights meet in neighbouring pixels. Where each pixel is first repeated, and a
convolution follows, all of them get the same weights (Odena et al. 2016, "Deconvolution and
Checkerboard Artifacts").
"""

# N batch, C channels, H, W pixels.

from typing import assert_never

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pix2pix.config import Upsample


class RepeatedConv(nn.ConvTranspose2d):
    """Each pixel is repeated in a square of 2x2; then comes a convolution 3x3.

    Both together are a transposed convolution 4x4 with stride 2, whose kernel is computed from the
    weight of 3x3. So every place that executes or exports the network needs only that one.
    """

    def __init__(self, in_channels: int, out_channels: int, *, bias: bool) -> None:
        super().__init__(in_channels, out_channels, 3, stride=2, padding=1, bias=bias)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Map (N, C, H, W) to (N, C', 2 H, 2 W)."""
        assert output_size is None
        return F.conv_transpose2d(x, kernel(self), self.bias, stride=2, padding=1)


def upsampling(
    upsample: Upsample, in_channels: int, out_channels: int, *, bias: bool
) -> nn.ConvTranspose2d:
    """Return the layer that doubles height and width."""
    match upsample:
        case "transposed":
            return nn.ConvTranspose2d(in_channels, out_channels, 4, stride=2, padding=1, bias=bias)
        case "resize":
            return RepeatedConv(in_channels, out_channels, bias=bias)
    assert_never(upsample)


def kernel(conv: nn.Conv2d | nn.ConvTranspose2d) -> Tensor:
    """Return the kernel 4x4 of a layer of the generator, which has stride 2 and padding 1."""
    if not isinstance(conv, RepeatedConv):
        return conv.weight
    # A pixel that is repeated adds the weight to the output once for each of its four copies. As a
    # product of matrices that takes a tenth of the time of adding shifted weights.
    weight = conv.weight
    once = torch.eye(3, dtype=weight.dtype, device=weight.device)
    twice = F.pad(once, (0, 0, 0, 1)) + F.pad(once, (0, 0, 1, 0))  # (4, 3), along an axis
    with torch.autocast(weight.device.type, enabled=False):
        wide = weight.flatten(2) @ torch.kron(twice, twice).T
    return wide.reshape(*weight.shape[:2], 4, 4)
