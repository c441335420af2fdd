"""The model folder of a training: the networks of an epoch, and the card that describes them."""

import math
from pathlib import Path

from pix2pix.checkpoint import save_model
from pix2pix.config import Params
from pix2pix.data.input_statistics import InputStatistics
from pix2pix.data.manifest import Manifest
from pix2pix.model_card import ModelCard
from pix2pix.models import PatchDiscriminator, UNetGenerator, network_configs
from pix2pix.parent_record import ParentRecord
from pix2pix.training import Best
from pix2pix.training.dev import better_mode


def write_model(
    model_dir: Path,
    best: Best,
    *,
    params: Params,
    manifest: Manifest,
    parent: ParentRecord | None = None,
    statistics: InputStatistics | None = None,
) -> ModelCard:
    """Write the model folder of an epoch, such as the best, with its better inference mode.

    `statistics` are those of the source images that the networks were trained on.
    """
    generator_config, discriminator_config = network_configs(params)
    generator, discriminator = (
        UNetGenerator(generator_config),
        PatchDiscriminator(discriminator_config),
    )
    generator.load_state_dict(best.generator)
    discriminator.load_state_dict(best.discriminator)
    card = ModelCard(
        format=1,
        name=params.data.name,
        direction=manifest.direction,
        image_size=manifest.image_size,
        scale=manifest.resize,
        load_size=manifest.load_size if manifest.resize == "fit" else None,
        target_scale=manifest.target_scale or 1.0,  # null: results have the size of their image
        source=manifest.source,
        target=manifest.target,
        generator=generator_config,
        discriminator=discriminator_config,
        inference_mode=better_mode(best.dev),
        seed=params.train.seed,
        epoch=best.epoch,
        dev={name: value for name, value in best.dev.items() if math.isfinite(value)},
        data_hash=manifest.data_hash,
        extra_sources=manifest.extra_sources,
        parent=parent,
        source_statistics=statistics,
        recipe=manifest.recipe,
    )
    save_model(model_dir, card, generator=generator, discriminator=discriminator)
    return card
