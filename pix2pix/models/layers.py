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


def needs_bias(norm: Norm, *, normed: bool) -> bool:
    """Whether a hidden convolution has a bias; `normed` if a norm follows it directly.

    Batch and instance norm subtract any constant. Such a bias has no effect and no gradient but
    rounding noise, which Adam would blow up to full steps. With batch norm the published code
    leaves out the biases of the few layers without a norm, too.
    """
    match norm:
        case "batch":
            return False
        case "instance":
            return not normed
        case "none":
            return True
    assert_never(norm)
