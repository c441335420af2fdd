"""From the parameters of a run to the shapes of its networks."""

from pix2pix.config import Params
from pix2pix.models.discriminator import DiscriminatorConfig
from pix2pix.models.generator import GeneratorConfig


def network_configs(params: Params) -> tuple[GeneratorConfig, DiscriminatorConfig]:
    """The generator's and the discriminator's configuration; D sees source and target together."""
    source_channels = params.data.source_side.channels
    target_channels = params.data.target_side.channels
    model = params.model
    generator = GeneratorConfig(
        source_channels=source_channels,
        target_channels=target_channels,
        base_channels=model.base_channels,
        depth=params.depth,
        norm=model.norm,
        dropout=model.dropout,
        dropout_layout=model.dropout_layout,
    )
    discriminator = DiscriminatorConfig(
        in_channels=source_channels + target_channels,
        base_channels=model.discriminator_channels,
        num_layers=model.discriminator_layers,
        norm=model.norm,
    )
    return generator, discriminator
