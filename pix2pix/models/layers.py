"""The pieces that both networks share: normalisation, and who needs a bias."""

from typing import Literal, assert_never

from torch import nn

Norm = Literal["batch", "instance", "none"]


def norm_layer(norm: Norm, num_channels: int) -> nn.Module:
    """The normalisation that stands behind a hidden convolution.

    Instance norm has no affine part and keeps no statistics, as in the published PyTorch code.
    """
    match norm:
        case "batch":
            return nn.BatchNorm2d(num_channels)
        case "instance":
            return nn.InstanceNorm2d(num_channels)
        case "none":
            return nn.Identity()
    assert_never(norm)


def needs_bias(norm: Norm) -> bool:
    """Batch norm subtracts any constant, and its own shift stands in for the bias."""
    return norm != "batch"
