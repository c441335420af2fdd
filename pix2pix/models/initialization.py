"""Initial weights: N(0, 0.02) (Isola et al. 2017, sec. 6.2)."""

from torch import nn

_STD = 0.02


def initialize(network: nn.Module) -> None:
    """Draw new weights for all layers, in place, from torch's global generator.

    Convolutions get N(0, 0.02), scales of batch norm N(1, 0.02), and every bias becomes zero.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, _STD)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, _STD)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
