"""Reads the weights of the published PyTorch implementation (`*_net_G.pth`, `*_net_D.pth`).

Its generator nests each level in the next outer one, so a key contains the positions of all levels
above: `model.model.1.model.3.model. ... .5.weight`. The shapes of the tensors and their names give
sizes, depth and norm.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from pix2pix.errors import UserError
from pix2pix.models.discriminator import DiscriminatorConfig, PatchDiscriminator
from pix2pix.models.generator import GeneratorConfig, UNetGenerator
from pix2pix.models.layers import Norm
from pix2pix.tensor_file import read_state_dict

StateDict = Mapping[str, Tensor]

# The pixel discriminator calls its layers `net`, the others `model`.
_LAYER_WEIGHT = re.compile(r"(?P<root>model|net)\.(?P<index>\d+)\.weight")


def generator_from_file(path: Path, *, dropout: float = 0.5) -> UNetGenerator:
    """Return the generator in a published `*_net_G.pth`. Raises UserError naming the file."""
    try:
        return generator_from_weights(read_state_dict(path), dropout=dropout)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def discriminator_from_file(path: Path) -> PatchDiscriminator:
    """Return the discriminator in a published `*_net_D.pth`. Raises UserError naming the file."""
    try:
        return discriminator_from_weights(read_state_dict(path))
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def generator_from_weights(state_dict: StateDict, *, dropout: float = 0.5) -> UNetGenerator:
    """Return the published U-Net with these weights (keys `model.model. ...`), in training mode.

    `dropout` is the rate of dropout, which has no weights, in the layers of the published PyTorch
    code.
    Raises UserError if the tensors are not those of a U-Net.
    """
    weights = _without_prefix(state_dict)
    prefixes = _level_prefixes(weights)
    depth = len(prefixes)
    try:
        outer_down, outer_up = weights["model.model.0.weight"], weights["model.model.3.weight"]
        config = GeneratorConfig(
            source_channels=outer_down.shape[1],
            target_channels=outer_up.shape[1],
            base_channels=outer_down.shape[0],
            depth=depth,
            norm=_norm(weights, conv=f"{prefixes[1]}1", norm=f"{prefixes[1]}2"),
            dropout=dropout,
        )
    except (LookupError, ValueError):
        raise UserError("these are not the weights of a published U-Net generator") from None
    _check_is_complete(lambda: UNetGenerator(config), weights)
    generator = UNetGenerator(config)
    renamed: dict[str, Tensor] = {}
    for level, prefix in enumerate(prefixes):
        for ours, index in _module_indices(level, depth).items():
            renamed |= _renamed_tensors(weights, f"{prefix}{index}.", f"{ours}.")
    _load(generator, renamed)
    return generator


def discriminator_from_weights(state_dict: StateDict) -> PatchDiscriminator:
    """Return the published PatchGAN or pixel discriminator with these weights, in training mode.

    Raises UserError if the tensors are not those of such a discriminator.
    """
    weights = _without_prefix(state_dict)
    matches = {key: match for key in weights if (match := _LAYER_WEIGHT.fullmatch(key))}
    convs = sorted(
        (match for key, match in matches.items() if weights[key].ndim == 4),
        key=lambda match: int(match["index"]),
    )
    if len(convs) < 3:
        raise UserError("these are not the weights of a published discriminator")
    root, first = convs[0]["root"], weights[convs[0].string]
    pixel = first.shape[-1] == 1
    second = int(convs[1]["index"])
    try:
        config = DiscriminatorConfig(
            in_channels=first.shape[1],
            base_channels=first.shape[0],
            num_layers=0 if pixel else len(convs) - 2,
            norm=_norm(weights, conv=f"{root}.{second}", norm=f"{root}.{second + 1}"),
        )
    except ValueError:
        raise UserError("these are not the weights of a published discriminator") from None
    _check_is_complete(lambda: PatchDiscriminator(config), weights)
    discriminator = PatchDiscriminator(config)
    _load(discriminator, _renamed_tensors(weights, f"{root}.", "layers."))
    return discriminator


def _without_prefix(state_dict: StateDict) -> dict[str, Tensor]:
    """Return the tensors without the prefix that DataParallel adds to their names."""
    return {key.removeprefix("module."): value for key, value in state_dict.items()}


def _level_prefixes(weights: StateDict) -> list[str]:
    """Return the key prefix of each level of the nested U-Net, outermost first."""
    prefixes, prefix = [], "model.model."
    while any(key.startswith(prefix) for key in weights):
        prefixes.append(prefix)
        prefix += "1.model." if len(prefixes) == 1 else "3.model."
    return prefixes


def _module_indices(level: int, depth: int) -> dict[str, int]:
    """Return the index of each of our modules in the published nn.Sequential of the level."""
    down, up = f"down.{level}", f"up.{level}"
    if level == 0:
        return {f"{down}.conv": 0, f"{up}.conv": 3}
    if level == depth - 1:
        return {f"{down}.conv": 1, f"{up}.conv": 3, f"{up}.norm": 4}
    return {f"{down}.conv": 1, f"{down}.norm": 2, f"{up}.conv": 5, f"{up}.norm": 6}


def _renamed_tensors(weights: StateDict, old: str, new: str) -> dict[str, Tensor]:
    """Return the tensors below `old`, renamed to `new`, without those of nested levels."""
    return {
        new + key.removeprefix(old): value
        for key, value in weights.items()
        if key.startswith(old) and ".model." not in key.removeprefix(old)
    }


def _norm(weights: StateDict, *, conv: str, norm: str) -> Norm:
    """Return the norm. Batch norm has weights; before instance norm the convolution has a bias."""
    if f"{norm}.weight" in weights and weights[f"{norm}.weight"].ndim == 1:
        return "batch"
    return "instance" if f"{conv}.bias" in weights else "none"


def _check_is_complete(make: Callable[[], nn.Module], weights: StateDict) -> None:
    """Raise UserError if the network is much larger than its tensors in the file.

    Two tensors of the file determine the size of the network. The network that is measured here is
    on the meta device, where it takes no memory.
    """
    if any(tensor.numel() == 0 for tensor in weights.values()):
        raise UserError("one of these weights is an empty tensor, which no network has")
    try:
        with torch.device("meta"):
            wanted = sum(tensor.numel() for tensor in make().state_dict().values())
    except RuntimeError as error:
        raise UserError(f"these weights claim an impossible network: {error}") from None
    if wanted > 2 * sum(tensor.numel() for tensor in weights.values()):
        raise UserError(
            f"these weights are part of a network of {wanted} values, and lack the rest"
        )


def _load(network: UNetGenerator | PatchDiscriminator, weights: dict[str, Tensor]) -> None:
    """Load all weights, except for biases that only one of the two implementations has.

    Published networks without norm have no hidden biases, so ours become zero. Those with instance
    norm have biases before it, which have no effect.
    """
    ours = network.state_dict()
    norm = network.config.norm
    if norm == "none":
        absent = {key for key in ours.keys() - weights.keys() if key.endswith(".bias")}
        weights = weights | {key: torch.zeros_like(ours[key]) for key in absent}
    elif norm == "instance":
        cancelled = {key for key in weights.keys() - ours.keys() if key.endswith(".bias")}
        weights = {key: value for key, value in weights.items() if key not in cancelled}
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise UserError(f"these weights do not fit the published layout: {error}") from None
