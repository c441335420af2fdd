import dataclasses
from pathlib import Path
from typing import Any

import pytest

from pipelines.evaluation.model_fit import misfit
from pipelines.evaluation.parent_fit import unlike_parent
from pix2pix.checkpoint import load_discriminator, load_generator
from pix2pix.config import Params
from pix2pix.data.manifest import ExtraSourceRecord
from pix2pix.models.transfer import ParentNetworks, check_fits
from pix2pix.parent import Parent
from tests.support.model_folders import PHOTO, write_model
from tests.support.tracked_project import small_manifest


def reason(tmp_path: Path, params: Params, **changes: Any) -> str | None:
    card = write_model(tmp_path)
    return misfit(dataclasses.replace(card, **changes), small_manifest(params))


def test_a_model_fits_data_of_its_kind_with_other_images(
    tmp_path: Path, default_params: Params
) -> None:
    side = dataclasses.replace(PHOTO, kind="labels", num_labels=256)
    assert reason(tmp_path, default_params, data_hash="other", name="other", source=side) is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"direction": "BtoA"}, "its direction is BtoA, the data's AtoB"),
        (
            {"source": dataclasses.replace(PHOTO, channels=1)},
            "its number of source channels is 1, the data's 3",
        ),
        (
            {"target": dataclasses.replace(PHOTO, dtype="uint16")},
            "its target dtype is uint16, the data's uint8",
        ),
        (
            {"target": dataclasses.replace(PHOTO, value_range=(0.0, 1.0))},
            "its target value range is [0.0, 1.0], the data's [0.0, 255.0]",
        ),
        ({"image_size": 64}, "its image size is 64, the data's 32"),
        (
            {"source": dataclasses.replace(PHOTO, kernel="bicubic")},
            "its source kernel is bicubic, the data's area",
        ),
        (
            {"source": dataclasses.replace(PHOTO, nodata=0.0)},
            "its source nodata is 0.0, the data's null",
        ),
        (
            {"source": dataclasses.replace(PHOTO, kind="labels", ignore_label=9)},
            "its source ignore_label is 9, the data's null",
        ),
    ],
)
def test_the_setting_that_does_not_fit_is_named(
    tmp_path: Path, default_params: Params, changes: dict[str, Any], expected: str
) -> None:
    assert reason(tmp_path, default_params, **changes) == expected


def test_recipes_are_compared_by_their_settings_in_the_words_of_params_yaml(
    tmp_path: Path, default_params: Params
) -> None:
    card, manifest = write_model(tmp_path), small_manifest(default_params)
    edges = dataclasses.replace(default_params.data.recipe, kind="edges", blur_px=1.0)
    made = dataclasses.replace(manifest, recipe=edges)
    assert misfit(card, made) == "its recipe.kind is null, the data's edges"
    other = dataclasses.replace(card, recipe=dataclasses.replace(edges, thresholds=(1.0, 2.0)))
    low, high = edges.thresholds
    assert misfit(other, made) == f"its recipe.thresholds is [1.0, 2.0], the data's [{low}, {high}]"


def test_a_parent_of_fewer_sources_loses_both_first_layers_and_is_called_unlike(
    tmp_path: Path, default_params: Params
) -> None:
    card = write_model(tmp_path)
    networks = ParentNetworks(load_generator(tmp_path)[0], load_discriminator(tmp_path)[0])
    parent = Parent(reference="x", model_sha256="0" * 64, networks=networks, card=card)
    depth = ExtraSourceRecord("depth", dataclasses.replace(PHOTO, channels=1), 1.0)
    manifest = dataclasses.replace(small_manifest(default_params), extra_sources=(depth,))
    own = dataclasses.replace(card.generator, source_channels=4)
    discriminator = dataclasses.replace(card.discriminator, in_channels=7)
    check_fits(networks, own, discriminator)
    record = parent.record(own, unlike=unlike_parent(parent, manifest, own))
    assert record.new_layers == ("generator.down.0.conv", "discriminator.layers.0")
    assert record.unlike == ("its list of sources is [source], the data's [source, depth]")
