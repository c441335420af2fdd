"""A network made faster for inference alone: fewer passes over its activations, equal results."""

from itertools import pairwise

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fuse(network: nn.Module) -> None:
    """Change a convolutional network in place, so that its outputs stay equal but for rounding.

    In evaluation mode a batch norm is an affine map, which becomes part of the convolution before
    it. Zeros around the image, the same on opposite sides, become padding of the convolution.
    Activations overwrite their input, which is the output of one of those convolutions.

    The network must apply the modules that are next to each other in a parent one after the other,
    as EfficientNet does. Raises ValueError in training mode.
    """
    if network.training:
        raise ValueError("expected a network in evaluation mode")
    for parent in list(network.modules()):
        for (name, first), (next_name, second) in pairwise(list(parent.named_children())):
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                setattr(parent, name, fuse_conv_bn_eval(first, second))
                setattr(parent, next_name, nn.Identity())
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            _pad_within(module)
        if isinstance(module, nn.ReLU6):
            module.inplace = True


def _pad_within(convolution: nn.Conv2d) -> None:
    """Replace a symmetric `static_padding`, a module that EfficientNet calls before, by padding."""
    zeros = getattr(convolution, "static_padding", None)
    if not isinstance(zeros, nn.ZeroPad2d):
        return
    left, right, top, bottom = zeros.padding
    if left == right and top == bottom:
        convolution.padding = (top, left)
        convolution.static_padding = nn.Identity()
