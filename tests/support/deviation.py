"""How far weights or gradients are from what they should be."""

from collections.abc import Mapping

import torch
from torch import Tensor

from pix2pix.training import TrainState
from pix2pix.training.distributed import unwrap

Values = Mapping[str, Tensor]


def deviation(found: Values, expected: Values, *, start: Values | None = None) -> float:
    """The distance of `found` from `expected`, relative to that of `expected` from `start` (zero).

    Of weights it is the part of the way that was gone astray. The largest difference would say
    less: where rounding flips the side of one ReLU, a few weights differ by a thousand times more.
    """
    assert found.keys() == expected.keys()
    way = _flat(expected) - (0.0 if start is None else _flat(start))
    return ((_flat(found) - _flat(expected)).norm() / way.norm()).item()


def weights(state: TrainState) -> dict[str, Tensor]:
    """A copy of both networks' parameters."""
    return {name: parameter.detach().clone() for name, parameter in _parameters(state).items()}


def gradients(state: TrainState) -> dict[str, Tensor]:
    """A copy of the gradients that the last step left, averaged over ranks.

    Adam hides a wrong scale of the gradients; they themselves do not.
    """
    found = {}
    for name, parameter in _parameters(state).items():
        assert parameter.grad is not None, name
        found[name] = parameter.grad.clone()
    return found


def _parameters(state: TrainState) -> dict[str, torch.nn.Parameter]:
    networks = {"generator": state.generator, "discriminator": state.discriminator}
    return {
        f"{network_name}.{name}": parameter
        for network_name, network in networks.items()
        for name, parameter in unwrap(network).named_parameters()
    }


def _flat(values: Values) -> Tensor:
    return torch.cat([values[name].double().flatten() for name in sorted(values)])
