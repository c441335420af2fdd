"""What a person reads of a version before choosing it."""

import dataclasses
from typing import Any

import pytest

from pipelines.registry.version_description import version_description
from pix2pix.config import Params
from pix2pix.parent_record import ParentRecord
from tests.support.model_folders import PHOTO, model_card
from tests.support.several_sources import EXTRA, GENERATOR, IDS

METRICS = {"test/l1": 0.1, "test/baseline_mean_target/l1": 0.3}


def test_it_has_the_data_the_images_the_scores_and_how_it_answers() -> None:
    card = model_card(image_size=(32, 64), target=PHOTO, dev={"dev/l1": 0.12345678})
    assert version_description(card, METRICS) == (
        "pix2pix on **facades-drawn**, AtoB, trained at 64x32 px for 3 epochs; published "
        "inference.\n\n"
        "3 channels uint8 -> 3 channels uint8; images of any size are stretched to that size; "
        "results have the size of the image.\n\n"
        "dev/l1 0.1235\n\n"
        "| test&emsp; | model&emsp; | mean target |\n| --- | --- | --- |\n"
        "| l1&emsp; | 0.1&emsp; | 0.3 |\n"
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"scale": "fit", "load_size": 36},
            "images of any size are resized to 36 px on their shorter side; results have the size",
        ),
        ({"scale": "none"}, "keep their pixels; the training saw crops of that size; results have"),
        ({"target_scale": 2.0}, "; results are 2 times as high and wide as the image."),
        (
            {"source": IDS, "extra_sources": EXTRA, "generator": GENERATOR},
            "source: 5 classes + depth: 1 channel float32 + photo: 3 channels uint8 -> 3 channels",
        ),
    ],
)
def test_sizes_and_sources_are_those_of_the_card(changes: dict[str, Any], said: str) -> None:
    assert said in version_description(model_card(**changes), METRICS)


@pytest.mark.parametrize(
    ("reference", "linked"),
    [
        ("models:/a b/3", "[models:/a b/3](#/models/a%20b/versions/3)"),
        ("latest_net_G.pth", "latest_net_G.pth"),
    ],
)
def test_a_parent_that_is_a_version_is_a_link_to_its_page(reference: str, linked: str) -> None:
    parent = ParentRecord(
        reference=reference,
        model_sha256="0" * 64,
        networks="both",
        new_layers=("generator.down.0",),
        unlike=None,
    )
    said = version_description(model_card(parent=parent), METRICS)
    expected = f"Started from both networks of {linked}, with new generator.down.0."
    assert f"image.\n\n{expected}\n\ndev/l1 0.1\n" in said


def test_a_recipe_says_that_side_a_was_made(default_params: Params) -> None:
    recipe = dataclasses.replace(default_params.data.recipe, kind="edges")
    said = version_description(model_card(recipe=recipe), METRICS)
    assert "the size of the image. Side A was made from photos (edges)." in said
