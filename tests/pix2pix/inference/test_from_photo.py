"""Translate photos with a model whose sources a recipe makes: `pix2pix translate --from-photo`."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pix2pix.config import load_params
from pix2pix.data.manifest import SideRecord
from pix2pix.data.prepared import open_split
from pix2pix.errors import UserError
from pix2pix.images.image import read_image
from pix2pix.images.recipes import made_from
from pix2pix.inference import Translator
from pix2pix.inference.from_photo import at_size_of, made_source
from pix2pix.models import DiscriminatorConfig, GeneratorConfig
from pix2pix.preparation.prepare import prepare_pairs
from tests.support.small_sets import NUM_PAIRS, PARAMS, make_config, noise, save
from tests.support.translators import make_translator

RECIPE = load_params(PARAMS).data.recipe
COLOUR = SideRecord("image", 3, "uint8", (0.0, 255.0), "area")
GREY = replace(COLOUR, channels=1, grayscale=True)


def colour_translator(folder: Path, source: SideRecord, **changes: object) -> Translator:
    """A model of random weights with colour targets; `changes` are to its card."""
    return translator_of_photos(folder, source, COLOUR, **changes)


def translator_of_photos(
    folder: Path, source: SideRecord, target: SideRecord, **changes: object
) -> Translator:
    """A model of random weights that takes photos; `changes` are to its card."""
    make_translator(
        folder,
        "deterministic",
        source=source,
        target=target,
        generator=GeneratorConfig(
            source_channels=source.channels,
            target_channels=target.channels,
            base_channels=2,
            depth=5,
        ),
        discriminator=DiscriminatorConfig(
            in_channels=source.channels + target.channels, base_channels=2, num_layers=1
        ),
        **changes,
    )
    return Translator.load(folder, from_photo=True)


@pytest.mark.parametrize("kind", ["grayscale", "edges", "mask", "degrade"])
@pytest.mark.parametrize(
    ("sizes", "card"),
    [
        ({"resize": "stretch", "load_size": 32}, {}),
        ({"resize": "fit", "load_size": 32}, {"scale": "fit", "load_size": 32}),
        ({"resize": "none", "load_size": None}, {"scale": "none"}),
    ],
)
def test_a_test_photo_becomes_what_its_prepared_source_becomes(
    tmp_path: Path, kind: str, sizes: dict[str, object], card: dict[str, object]
) -> None:
    for index in range(NUM_PAIRS):
        save(tmp_path / "photos" / f"{index}.png", noise(index, size=48)[:, :40])
    recipe = replace(RECIPE, kind=kind)
    config = make_config(layout="photos", recipe=recipe, **sizes)
    prepare_pairs(tmp_path / "photos", tmp_path / "prepared", config, num_workers=1)
    test = open_split(tmp_path / "prepared", "test")
    source = COLOUR if kind in ("mask", "degrade") else GREY
    translator = colour_translator(tmp_path / "model", source, recipe=recipe, **card)

    for position, pair_id in enumerate(test.pair_ids):
        path = tmp_path / "photos" / f"{pair_id}.png"
        source, photo = np.asarray(test.source[position]), read_image(path)
        made = made_source(translator.card, photo, name=pair_id, is_native=False)
        assert np.array_equal(made, source)
        expected = translator.translate(source, scale="native")
        result = translator.translate_file(path)
        assert result.shape == (48, 40, 3)
        assert np.array_equal(result, at_size_of(photo, expected, translator.card))


def test_a_model_that_enlarges_gives_a_photo_of_its_size(tmp_path: Path) -> None:
    recipe = replace(RECIPE, kind="degrade", shrink=2.0, noise=0.0)
    translator = colour_translator(
        tmp_path / "model", COLOUR, recipe=recipe, target_scale=2.0, scale="none"
    )
    photo = noise(0, size=48)
    save(tmp_path / "x.png", photo)
    small = made_from(photo, recipe, pair_id="x", value_range=(0.0, 255.0))
    assert small.shape == (24, 24, 3)
    result = translator.translate_file(tmp_path / "x.png")
    assert result.shape == (48, 48, 3)
    assert np.array_equal(result, translator.translate(small))


@pytest.mark.parametrize("kind", ["grayscale", "edges", "sketch", "mask", "degrade"])
@pytest.mark.parametrize(("trained", "given"), [("uint8", "uint16"), ("uint16", "uint8")])
def test_a_photo_of_another_dtype_than_the_training_s_is_refused(
    tmp_path: Path, kind: str, trained: str, given: str
) -> None:
    """A drawing of it would be blank: its values have another range."""
    target = replace(COLOUR, dtype=trained, value_range=(0.0, float(np.iinfo(trained).max)))
    channels = 3 if kind in ("mask", "degrade") else 1
    source = GREY if kind in ("edges", "sketch") else replace(target, channels=channels)
    recipe = replace(RECIPE, kind=kind)
    translator = translator_of_photos(tmp_path / "model", source, target, recipe=recipe)
    save(tmp_path / "right.npy", noise(0, dtype=trained))
    save(tmp_path / "wrong.npy", noise(0, dtype=given))
    assert translator.translate_file(tmp_path / "right.npy").dtype == trained
    with pytest.raises(
        UserError, match=rf"wrong\.npy: .* trained on {trained} photos in .*, got {given} in this"
    ):
        translator.translate_file(tmp_path / "wrong.npy")


def test_what_is_random_follows_the_name_of_the_file_or_the_id_of_the_pair(tmp_path: Path) -> None:
    recipe = replace(RECIPE, kind="mask")
    translator = colour_translator(tmp_path / "model", COLOUR, recipe=recipe)
    photo = noise(0)
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    for name in ("x", "y", decomposed, os.fsdecode(b"fen\xeatre")):
        save(tmp_path / f"{name}.png", photo)

    def translated(name: str, pair_id: str | None = None) -> np.ndarray:
        return translator.translate_file(tmp_path / f"{name}.png", pair_id=pair_id)

    assert np.array_equal(translated("x"), translated("y", "x"))
    assert not np.array_equal(translated("x"), translated("y"))
    assert not np.array_equal(translated("x"), translated("x", "train/x"))
    assert np.array_equal(translated(decomposed), translated("x", composed))
    assert not np.array_equal(translated("x"), translated(os.fsdecode(b"fen\xeatre")))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "has no recipe"),
        ({"recipe": replace(RECIPE, kind="edges"), "direction": "BtoA"}, "photos as they are"),
    ],
)
def test_a_model_without_made_sources_refuses_photos(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=f"{message}.*leave out --from-photo"):
        colour_translator(tmp_path / "model", COLOUR, **changes)


def test_the_card_keeps_the_recipe(tmp_path: Path) -> None:
    recipe = replace(RECIPE, kind="mask", hidden_share=0.5)
    assert colour_translator(tmp_path / "model", COLOUR, recipe=recipe).card.recipe == recipe
