"""The model folder of a training: which weights it holds, and what its card says."""

import dataclasses
import math
from pathlib import Path

import pytest
import torch

from pipelines.training.trained_model import write_model
from pix2pix.checkpoint import load_generator
from pix2pix.config import LoadSize, Params, ScaleRule
from pix2pix.data.input_statistics import InputStatistics
from pix2pix.data.manifest import ExtraSourceRecord
from pix2pix.model_card import ModelCard
from pix2pix.models import PatchDiscriminator, UNetGenerator, network_configs
from pix2pix.parent_record import ParentRecord
from pix2pix.training import Best, new_state
from tests.support.model_folders import MANIFEST, PHOTO
from tests.support.scenes import scene_params, side_of_images
from tests.support.small_training import with_train


def test_the_model_holds_the_best_weights_and_the_better_inference_mode(
    small_params: Params, tmp_path: Path
) -> None:
    state = new_state(*network_configs(small_params), config=small_params.train)
    scores = {"dev/l1": 0.1, "dev/l1_published": 0.2, "dev/l1_deterministic": 0.1}
    state.epoch = 2
    state.keep_as_best(scores)
    assert state.best is not None
    write_model(tmp_path, state.best, params=small_params, manifest=MANIFEST)
    generator, card = load_generator(tmp_path)
    assert (card.inference_mode, card.epoch, card.dev) == ("deterministic", 2, scores)
    assert (card.name, card.data_hash) == (small_params.data.name, "abc")
    weights = state.generator.state_dict()
    assert all(torch.equal(weights[key], value) for key, value in generator.state_dict().items())


def test_a_mode_without_a_finite_score_is_neither_used_nor_on_the_card(
    small_params: Params, tmp_path: Path
) -> None:
    state = new_state(*network_configs(small_params), config=small_params.train)
    state.keep_as_best({"dev/l1": 0.2, "dev/l1_published": 0.2, "dev/l1_deterministic": math.nan})
    assert state.best is not None
    write_model(tmp_path, state.best, params=small_params, manifest=MANIFEST)
    _, card = load_generator(tmp_path)
    assert card.inference_mode == "published"
    assert card.dev == {"dev/l1": 0.2, "dev/l1_published": 0.2}


@pytest.mark.parametrize(
    ("rule", "load_size", "target_scale"), [("stretch", None, 1.0), ("fit", 36, 2.0)]
)
def test_the_card_says_all_that_a_translation_needs_and_where_the_model_is_from(
    tmp_path: Path, rule: ScaleRule, load_size: LoadSize | None, target_scale: float
) -> None:
    """The manifest's load_size of `stretch` is that of the training alone."""
    params = with_train(scene_params(side_a=side_of_images()), seed=7)
    generator, discriminator = network_configs(params)
    depth = dataclasses.replace(PHOTO, channels=1, dtype="float32", value_range=(0.0, 10.0))
    manifest = dataclasses.replace(
        MANIFEST,
        direction="BtoA",
        resize=rule,
        target_scale=target_scale,
        extra_sources=(
            ExtraSourceRecord("depth", depth, 1.0),
            ExtraSourceRecord("photo", PHOTO, 2.0),
        ),
        recipe=dataclasses.replace(params.data.recipe, kind="edges"),
    )
    parent = ParentRecord(
        reference="models:/x/1",
        model_sha256="0" * 64,
        networks="both",
        new_layers=(),
        unlike=None,
    )
    statistics = InputStatistics({"mean": (0.25, 0.75)}, ("#000000",))
    scores = {"dev/l1": 0.1, "dev/l1_published": 0.1, "dev/l1_deterministic": 0.2}
    best = Best(
        epoch=5,
        dev=scores,
        generator=UNetGenerator(generator).state_dict(),
        discriminator=PatchDiscriminator(discriminator).state_dict(),
    )
    card = write_model(
        tmp_path, best, params=params, manifest=manifest, parent=parent, statistics=statistics
    )
    assert card == ModelCard(
        format=1,
        name=params.data.name,
        direction="BtoA",
        image_size=32,
        scale=rule,
        load_size=load_size,
        target_scale=target_scale,
        source=PHOTO,
        target=PHOTO,
        generator=generator,
        discriminator=discriminator,
        inference_mode="published",
        seed=7,
        epoch=5,
        dev=scores,
        data_hash="abc",
        extra_sources=manifest.extra_sources,
        parent=parent,
        source_statistics=statistics,
        recipe=manifest.recipe,
    )
    assert load_generator(tmp_path)[1] == card


def test_where_sizes_of_pairs_vary_results_have_the_size_of_their_image(
    small_params: Params, tmp_path: Path
) -> None:
    state = new_state(*network_configs(small_params), config=small_params.train)
    state.keep_as_best({"dev/l1": 0.1, "dev/l1_published": 0.1, "dev/l1_deterministic": 0.2})
    assert state.best is not None
    manifest = dataclasses.replace(MANIFEST, target_scale=None)
    assert (
        write_model(tmp_path, state.best, params=small_params, manifest=manifest).target_scale == 1
    )
