"""Which settings each network gets."""

import dataclasses

import pytest

from pix2pix.models import DiscriminatorConfig, GeneratorConfig, network_configs
from tests.support.scenes import scene_params, side_of_images

SOURCE_CHANNELS = 3 + 1 + 3  # a photo, depth, and another photo
SETTINGS = {
    "norm": "instance",
    "dropout": 0.25,
    "dropout_layout": "torch",
    "upsample": "resize",
    "base_channels": 8,
    "discriminator_channels": 16,
    "discriminator_layers": 2,
}


@pytest.mark.parametrize(("is_residual", "residual_channels"), [(False, 0), (True, 3)])
def test_each_network_has_its_own_settings_and_a_residual_the_channels_of_the_first_source(
    is_residual: bool, residual_channels: int
) -> None:
    params = scene_params(side_a=side_of_images())
    model = dataclasses.replace(params.model, residual=is_residual, **SETTINGS)
    generator, discriminator = network_configs(dataclasses.replace(params, model=model))
    assert generator == GeneratorConfig(
        source_channels=SOURCE_CHANNELS,
        target_channels=3,
        base_channels=8,
        depth=params.depth,
        norm="instance",
        dropout=0.25,
        dropout_layout="torch",
        upsample="resize",
        residual_channels=residual_channels,
    )
    assert discriminator == DiscriminatorConfig(
        in_channels=SOURCE_CHANNELS + 3, base_channels=16, num_layers=2, norm="instance"
    )
