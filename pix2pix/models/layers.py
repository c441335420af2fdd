"""What both networks share: normalisation, and which convolutions have a bias."""

from typing import Literal, assert_never

from torch import nn

Norm = Literal["batch", "instance", "none"]


def norm_layer(norm: Norm, num_channels: int) -> nn.Module:
    """Return the normalisation that follows a hidden convolution.

    Instance norm has no scale and shift and keeps no statistics, as in the published PyTorch code.
    """
    match norm:
        case "batch":
            return nn.BatchNorm2d(num_channels)
        case "instance":
            return nn.InstanceNorm2d(num_channels)
        case "none":
            return nn.Identity()
    assert_never(norm)


def needs_bias(norm: Norm, *, normed: bool) -> bool:
    """Return whether a hidden convolution has a bias; `normed`: a norm follows it directly.

    Batch and instance norm subtract any constant, so a bias before them has no effect. Its gradient
    is only rounding noise, from which Adam would make steps of full size. With batch norm, the
    published code also leaves out the biases of the few layers without a norm.
    """
    match norm:
        case "batch":
            return False
        case "instance":
            return not normed
        case "none":
            return True
    assert_never(norm)
