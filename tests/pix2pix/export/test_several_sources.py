"""Exports of models of several sources: metadata, example, samples, and the page."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image
from playwright.sync_api import Page

from pix2pix.data.manifest import ExtraSourceRecord
from pix2pix.data.sources import join_sources
from pix2pix.export.example import example_script
from pix2pix.export.samples import random_samples, real_samples
from pix2pix.export.workbench import obstacle
from pix2pix.models import InferenceNetwork
from tests.support.exported_page import (
    assert_equal_levels,
    colours_shown,
    draw_rectangles,
    drawing,
    example_of,
    opened,
    palette_of,
    random_picture,
    translation,
    upload,
)
from tests.support.exports import cards, export, make_model, run_example, side
from tests.support.several_sources import IDS, scene
from tests.support.small_sets import save

DEPTH = side(1, dtype="float32", value_range=(0.0, 10.0))
EDGES = side(1, grayscale=True, kernel="bilinear")
PHOTO = side(3)
LARGE_PHOTO = ExtraSourceRecord("photo", PHOTO, 2.0)
SEVERAL = {
    "source": IDS,
    "extra_sources": (
        ExtraSourceRecord("depth", DEPTH, 1.0),
        LARGE_PHOTO,
    ),
}
PICTURES = {
    "source": IDS,
    "extra_sources": (
        ExtraSourceRecord("edges", EDGES, 1.0),
        LARGE_PHOTO,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["published", "deterministic"])
def test_the_metadata_names_the_channels_of_each_source_and_the_example_joins_them(
    tmp_path: Path, mode: str
) -> None:
    out, translator = export(tmp_path, mode=mode, **SEVERAL)
    stored = {each.key: each.value for each in onnx.load(out / f"{mode}.onnx").metadata_props}
    source, extra = (json.loads(stored[f"pix2pix.{key}"]) for key in ("source", "extra_sources"))
    groups = [(each["name"], each["input_channels"]) for each in (source, *extra)]
    assert groups == [("source", [0, 5]), ("depth", [5, 6]), ("photo", [6, 9])]
    assert [each["scale"] for each in (source, *extra)] == [1.0, 1.0, 2.0]
    assert [each["network_range"] for each in (source, *extra)] == [[0, 1], [-1, 1], [-1, 1]]
    images = scene(32, 32)
    # Pillow rounds halves in another way, so the mean of each four pixels is a whole number here.
    images["photo"] = images["photo"][::2, ::2].repeat(2, axis=0).repeat(2, axis=1)
    paths = [tmp_path / name for name in ("in.png", "depth.npy", "photo.png")]
    for path, image in zip(paths, images.values(), strict=True):
        save(path, image)
    first, *others = paths
    run_example(out, first, *others, tmp_path / "out.png")
    answer = np.asarray(Image.open(tmp_path / "out.png"))
    assert_equal_levels(answer, translator.translate(images))


@pytest.mark.slow
def test_a_single_source_of_one_hot_classes_is_exported(tmp_path: Path) -> None:
    out, translator = export(tmp_path, mode="deterministic", source=IDS)
    (image, *_) = scene(32, 32).values()
    save(tmp_path / "in.png", image)
    run_example(out, tmp_path / "in.png", tmp_path / "out.png")
    assert_equal_levels(np.asarray(Image.open(tmp_path / "out.png")), translator.translate(image))


def test_samples_are_what_the_network_receives(tmp_path: Path) -> None:
    """At the size of the training, resizing changes nothing."""
    _, card = make_model(tmp_path, **SEVERAL)
    images = scene(32, 32)
    (sample,) = real_samples(card, [images]).sources
    assert sample.shape == random_samples(card).sources[0].shape == (1, 9, 32, 32)
    seen = dict(images, source=np.where(images["source"] == 255, 4, images["source"]))
    photo = images["photo"].reshape(32, 2, 32, 2, 3).mean(axis=(1, 3))
    joined = join_sources(
        [torch.from_numpy(seen[name][None].copy()) for name in ("source", "depth")]
        + [torch.from_numpy(np.rint(photo)[None])],
        [IDS, DEPTH, PHOTO],
    )
    np.testing.assert_allclose(sample, joined, atol=1.01 / 127.5)  # halves are rounded to a side
    np.testing.assert_array_equal(sample[:, :6], joined[:, :6])


def test_every_example_is_python_of_at_most_four_lines_more_for_each_source(tmp_path: Path) -> None:
    generator, card = make_model(tmp_path / "model")
    extra = (ExtraSourceRecord("depth", DEPTH, 1.0), ExtraSourceRecord("photo", PHOTO, None))
    for each in cards(card):
        script = example_script(
            dataclasses.replace(each, extra_sources=extra), InferenceNetwork(generator, "published")
        )
        most = 20 + 4 * len(extra) + 5 * ("def area" in script)
        assert len(script.splitlines()) <= most, script
        compile(script, "example.py", "exec")


def test_a_source_that_no_browser_has_is_named(tmp_path: Path) -> None:
    extra = (ExtraSourceRecord("bands", side(7), 1.0),)
    _, card = make_model(tmp_path / "model", extra_sources=extra)
    assert str(obstacle(card)).startswith("The images bands of this model have 7 channels")
    assert obstacle(make_model(tmp_path / "other", **SEVERAL)[1]) is None


@pytest.mark.slow
def test_the_page_takes_a_picture_for_each_source(tmp_path: Path) -> None:
    with opened(tmp_path, mode="deterministic", target=side(3), **PICTURES) as (page, translator):
        assert page.locator("extra-sources legend").all_inner_texts() == [
            "Source edges", "Source photo"
        ]  # fmt: skip
        draw_rectangles(page, [1, 3, 4])
        stored = dict(zip(palette_of(page), (0, 1, 2, 3, 255), strict=True))
        ids = np.array([[stored[tuple(pixel)] for pixel in row] for row in drawing(page).tolist()])
        page.get_by_role("button", name="Translate").click()
        page.locator("#status.error", has_text="for the source edges first").wait_for()
        images = {
            "source": ids[..., None].astype(np.uint8),
            "edges": random_picture(33, 32, 3),  # one row too many
            "photo": random_picture(64, 64, 3),
        }
        for name in ("edges", "photo"):
            choose(page, name, images[name], tmp_path)
        page.get_by_role("button", name="Translate").click()
        assert_equal_levels(translation(page), translator.translate(images))
        choose(page, "photo", random_picture(32, 32, 3), tmp_path)
        page.get_by_role("button", name="Translate").click()
        page.locator("#status.error", has_text="must be 2 times as large").wait_for()
        page.locator("#status").evaluate("each => { each.textContent = ''; }")
        page.get_by_role("button", name="example 1").click()
        assert_equal_levels(translation(page), translator.translate(example_of(translator.card)))
        upload(page, images["source"], tmp_path)  # waits for the other pictures
        page.locator("#status", has_text="upload.png is on the canvas.").wait_for()


@pytest.mark.slow
def test_class_ids_of_a_further_source_are_shown_in_colours(tmp_path: Path) -> None:
    extra = (ExtraSourceRecord("parts", IDS, 1.0),)
    with opened(tmp_path, source=IDS, target=side(3), extra_sources=extra) as (page, _):
        ids = np.tile(np.array([0, 1, 2, 3], np.uint8), (32, 8))
        choose(page, "parts", ids, tmp_path)
        preview = page.locator("[data-source=parts] img")
        preview.wait_for()
        assert colours_shown(page, "[data-source=parts] img") == set(palette_of(page)[:4])


def choose(page: Page, name: str, picture: np.ndarray, folder: Path) -> None:
    Image.fromarray(picture).save(folder / f"{name}.png")
    page.locator(f"[data-source={name}] input").set_input_files(folder / f"{name}.png")
    page.locator("#status").evaluate("each => { each.textContent = ''; }")
