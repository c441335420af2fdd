"""A model of several sources translates a mapping of images, or files."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from pix2pix.data.manifest import SideRecord
from pix2pix.errors import UserError
from pix2pix.images.encode import encode
from pix2pix.inference import Translator
from pix2pix.model_card import load_card
from tests.support.several_sources import EXTRA, IDS, make, scene


@pytest.mark.parametrize("mode", ["published", "deterministic"])
def test_the_network_receives_the_channels_in_the_order_of_the_card(
    tmp_path: Path, mode: str
) -> None:
    """The answer is that of a model of one source with nine channels, joined by hand."""
    translator = make(tmp_path, mode, scale="none")
    images = scene(64, 32)
    images["photo"] = images["photo"][::2, ::2].repeat(2, axis=0).repeat(2, axis=1)
    ids = np.where(images["source"] == 255, 4, images["source"])
    joined = np.concatenate(
        [
            np.eye(5)[ids[..., 0]],
            images["depth"] / 5 - 1,
            images["photo"][::2, ::2] / 127.5 - 1,
        ],
        axis=2,
    )
    single = SideRecord("image", 9, "float32", (-1.0, 1.0), "area")
    card = dataclasses.replace(translator.card, source=single, extra_sources=())
    expected = Translator(translator.network, card).translate(joined.astype(np.float32))
    assert list(translator.sources) == ["source", "depth", "photo"]
    np.testing.assert_allclose(translator.translate(images), expected, atol=1e-4)


def test_a_batch_has_an_array_for_each_source(tmp_path: Path) -> None:
    translator = make(tmp_path)
    scenes = [scene(seed=seed) for seed in range(3)]
    batch = {name: np.stack([each[name] for each in scenes]) for name in scenes[0]}
    together = translator.translate_batch(batch)
    assert together.shape == (3, 40, 50, 2)
    for row, each in enumerate(scenes):
        np.testing.assert_allclose(together[row], translator.translate(each), atol=1e-5)


@pytest.mark.parametrize("scale", ["training", "native"])
def test_tiles_give_the_values_of_the_whole_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scale: str
) -> None:
    translator = make(tmp_path, "published", image_size=96)
    images = scene(131, 97)
    expected = translator.translate(images, scale=scale)
    monkeypatch.setattr("pix2pix.inference.translator.whole_bytes", lambda card, size: 2**60)
    monkeypatch.setattr("pix2pix.tiled.plan._ENOUGH_BYTES", 0)
    tiled = translator.translate(images, scale=scale)
    np.testing.assert_allclose(tiled, expected, atol=1e-4)


def test_files_are_translated_like_their_pixels(tmp_path: Path) -> None:
    translator, images = make(tmp_path), scene()
    paths = {}
    for name, image in images.items():
        paths[name] = tmp_path / f"{name}.tif"
        paths[name].write_bytes(encode(image))
    first = paths.pop("source")
    translated = translator.translate_file(first, extra_paths=paths)
    np.testing.assert_array_equal(translated, translator.translate(images))
    paths["depth"].write_bytes(b"no image")
    with pytest.raises(UserError, match=r"source\.tif: .*depth\.tif: is no PNG"):
        translator.translate_file(first, extra_paths=paths)
    with pytest.raises(UserError, match=r"source\.tif: model test needs the sources source, dep"):
        translator.translate_file(first)


def test_one_pixel_more_of_a_source_is_cut_off(tmp_path: Path) -> None:
    translator, images = make(tmp_path), scene()
    expected = translator.translate(images)
    images["depth"] = np.pad(images["depth"], ((0, 1), (0, 0), (0, 0)))
    np.testing.assert_array_equal(translator.translate(images), expected)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"depth": None}, "model test needs the sources source, depth, photo, got source, photo"),
        ({"edges": np.zeros((40, 50, 1), np.uint8)}, "got source, depth, photo, edges"),
        (
            {"depth": np.zeros((30, 50, 1), np.float32)},
            "depth has 50x30 px and source 50x40 px",
        ),
        ({"photo": np.zeros((40, 50, 3), np.uint8)}, "photo must be 2 times as large as source"),
        ({"depth": np.zeros((40, 50, 2), np.float32)}, "image for the source depth: it has 2 chan"),
        (
            {"depth": np.zeros((40, 50, 1), np.uint8)},
            "got uint8 in this image for the source depth",
        ),
        ({"depth": np.full((40, 50, 1), np.nan, np.float32)}, "for the source depth: it holds NaN"),
        ({"source": np.full((40, 50, 1), 7, np.uint8)}, "for the source source: it holds 7"),
        ({"photo": np.zeros((80, 100), np.uint8)}, r"\(H, W, 3\) for the source photo, got"),
    ],
)
def test_images_that_do_not_fit_are_named_with_their_source(
    tmp_path: Path, changes: dict[str, np.ndarray | None], message: str
) -> None:
    images = {name: image for name, image in (scene() | changes).items() if image is not None}
    with pytest.raises(UserError, match=message):
        make(tmp_path).translate(images)


def test_an_array_is_refused_where_several_are_needed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="needs the sources source, depth, photo, got source"):
        make(tmp_path).translate(scene()["source"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"extra_sources": EXTRA[:1]}, "source.channels is 6, but the generator has 9"),
        ({"extra_sources": (EXTRA[0], EXTRA[0])}, "two sources have the same name"),
        ({"source": dataclasses.replace(IDS, num_labels=None)}, "source.encoding is one_hot, but"),
        (
            {"target": dataclasses.replace(IDS, num_labels=2, void_label=None)},
            "target.encoding is one_hot, which only sources can have",
        ),
    ],
)
def test_a_card_that_contradicts_itself_is_refused(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        make(tmp_path, **changes)


def test_the_card_on_the_disk_is_that_of_the_model(tmp_path: Path) -> None:
    translator = make(tmp_path)
    assert load_card(tmp_path) == translator.card
