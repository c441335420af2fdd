"""The configuration of both networks, from the parameters of a run."""

from pix2pix.config import Params
from pix2pix.models.discriminator import DiscriminatorConfig
from pix2pix.models.generator import GeneratorConfig


def network_configs(params: Params) -> tuple[GeneratorConfig, DiscriminatorConfig]:
    """Return the configuration of the generator and that of the discriminator.

    The discriminator receives source and target concatenated along the channels.
    """
    source_channels = params.data.source_channels
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
        upsample=model.upsample,
        residual_channels=params.data.source_side.channels if model.residual else 0,
    )
    discriminator = DiscriminatorConfig(
        in_channels=source_channels + target_channels,
        base_channels=model.discriminator_channels,
        num_layers=model.discriminator_layers,
        norm=model.norm,
    )
    return generator, discriminator
