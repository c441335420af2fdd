"""Start networks from those of another training, their parent.

Every tensor of the parent is taken over, also the running statistics of batch norm. So a network of
the same channels computes at first exactly what its parent computes. Three layers have as many
channels as the images, and they are drawn anew where these channels differ: the generator's first
layer (source) and last layer (target), and the discriminator's first layer, which receives both.
All other tensors must have the shapes of the parent's.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from pix2pix.errors import UserError
from pix2pix.models.discriminator import DiscriminatorConfig, PatchDiscriminator
from pix2pix.models.generator import GeneratorConfig, UNetGenerator

_GENERATOR, _DISCRIMINATOR = "generator", "discriminator"
_SOURCE_LAYER, _TARGET_LAYER, _PAIR_LAYER = "down.0.conv", "up.0.conv", "layers.0"
_MAX_ROWS = 8  # of differing tensors in a message


class ParentNetworks(NamedTuple):
    """Trained networks; without a discriminator, a training begins with a new one."""

    generator: UNetGenerator
    discriminator: PatchDiscriminator | None


class _Mismatch(NamedTuple):
    """A tensor whose shapes differ; None: that network has no such tensor."""

    name: str
    parent: tuple[int, ...] | None
    own: tuple[int, ...] | None


def take_over(
    parent: ParentNetworks, generator: UNetGenerator, discriminator: PatchDiscriminator
) -> None:
    """Copy the parent's tensors into the two networks, except those of `new_layers`.

    Raises UserError, as `check_fits` does, before anything is copied.
    """
    _refuse_mismatches(parent, generator, discriminator)
    new = new_layers(parent, generator.config)
    generator.load_state_dict(_merged(generator, parent.generator, _below(new, _GENERATOR)))
    if parent.discriminator is not None:
        kept = _below(new, _DISCRIMINATOR)
        discriminator.load_state_dict(_merged(discriminator, parent.discriminator, kept))


def check_fits(
    parent: ParentNetworks,
    generator_config: GeneratorConfig,
    discriminator_config: DiscriminatorConfig,
) -> None:
    """Raise UserError unless networks of these configurations can start from the parent.

    The message is a table of the tensors whose shapes differ, and the parameters to set.
    """
    with torch.device("meta"):
        generator = UNetGenerator(generator_config)
        discriminator = PatchDiscriminator(discriminator_config)
    _refuse_mismatches(parent, generator, discriminator)


def new_layers(parent: ParentNetworks, config: GeneratorConfig) -> tuple[str, ...]:
    """Return the names of the layers that are drawn anew, because their channels differ.

    The sum of channels does not decide about the discriminator: with one and three channels in
    place of three and one, each of its weights would see another image.
    """
    before = parent.generator.config
    is_other_source = config.source_channels != before.source_channels
    is_other_target = config.target_channels != before.target_channels
    names = [f"{_GENERATOR}.{_SOURCE_LAYER}"] if is_other_source else []
    names += [f"{_GENERATOR}.{_TARGET_LAYER}"] if is_other_target else []
    if parent.discriminator is not None and (is_other_source or is_other_target):
        names.append(f"{_DISCRIMINATOR}.{_PAIR_LAYER}")
    return tuple(names)


def _below(layers: tuple[str, ...], network: str) -> tuple[str, ...]:
    """Return the prefixes that the tensors of these layers have within the network."""
    prefix = f"{network}."
    return tuple(f"{name.removeprefix(prefix)}." for name in layers if name.startswith(prefix))


def _merged(own: nn.Module, parent: nn.Module, kept: tuple[str, ...]) -> dict[str, Tensor]:
    """Return the parent's tensors; those whose names start with one of `kept` are the own ones."""
    tensors = own.state_dict()
    return {
        name: tensors[name] if name.startswith(kept) else value
        for name, value in parent.state_dict().items()
    }


def _mismatches(
    parent: ParentNetworks, generator: UNetGenerator, discriminator: PatchDiscriminator
) -> Iterator[_Mismatch]:
    """Yield the tensors outside the new layers that differ in shape or exist on one side only."""
    new = new_layers(parent, generator.config)
    pairs: list[tuple[str, nn.Module, nn.Module]] = [(_GENERATOR, parent.generator, generator)]
    if parent.discriminator is not None:
        pairs.append((_DISCRIMINATOR, parent.discriminator, discriminator))
    for network, old, own in pairs:
        skipped = _below(new, network)
        before, now = _shapes(old), _shapes(own)
        for name in sorted(before | now):
            if before.get(name) != now.get(name) and not name.startswith(skipped):
                yield _Mismatch(f"{network}.{name}", before.get(name), now.get(name))


def _shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}


def _refuse_mismatches(
    parent: ParentNetworks, generator: UNetGenerator, discriminator: PatchDiscriminator
) -> None:
    """Raise UserError: a table of shapes, and the parameters that would make them equal."""
    mismatches = list(_mismatches(parent, generator, discriminator))
    if not mismatches:
        return
    rows = [("tensor", "parent", "here")] + [
        (name, _text(before), _text(now)) for name, before, now in mismatches[:_MAX_ROWS]
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    if len(mismatches) > _MAX_ROWS:
        lines.append(f"... and {len(mismatches) - _MAX_ROWS} more")
    table = "\n".join(f"  {line}" for line in lines)
    remedy = _remedy(mismatches, parent, generator.config, discriminator.config)
    raise UserError(
        f"the parent's networks do not fit the parameters of this training:\n{table}\n{remedy}"
    )


def _text(shape: tuple[int, ...] | None) -> str:
    return "-" if shape is None else "x".join(map(str, shape)) or "number"


def _remedy(
    mismatches: list[_Mismatch],
    parent: ParentNetworks,
    generator_config: GeneratorConfig,
    discriminator_config: DiscriminatorConfig,
) -> str:
    """Return what to change: the parameters that decide about the shapes, or the parent."""
    wanted = _differing(_generator_keys(parent.generator.config), _generator_keys(generator_config))
    if parent.discriminator is not None:
        before = _discriminator_keys(parent.discriminator.config)
        wanted = _differing(before, _discriminator_keys(discriminator_config)) | wanted
    keys = ", ".join(f"{key}: {value}" for key, value in wanted.items())
    if "model.depth" in wanted:
        keys += f" (data.image_size must be a multiple of {parent.generator.config.multiple_px})"
    options = [f"set {keys}"] if keys else []
    if all(each.name.startswith(f"{_DISCRIMINATOR}.") for each in mismatches):
        options.append("set train.init_networks: generator")
    text = ", or ".join([*options, "choose another parent"])
    return text[0].upper() + text[1:]


def _generator_keys(config: GeneratorConfig) -> dict[str, object]:
    """Return what decides about the shapes of the generator, by the key of params.yaml."""
    return {
        "model.base_channels": config.base_channels,
        "model.depth": config.depth,
        "model.norm": config.norm,
        "model.upsample": config.upsample,
    }


def _discriminator_keys(config: DiscriminatorConfig) -> dict[str, object]:
    return {
        "model.discriminator_channels": config.base_channels,
        "model.discriminator_layers": config.num_layers,
        "model.norm": config.norm,
    }


def _differing(parent: Mapping[str, object], own: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in parent.items() if value != own[key]}
