"""Models of several sources over HTTP, and the page's picture for each source in Chromium."""

import base64
import dataclasses
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from pipelines.registry.loaded_version import LoadedVersion
from pipelines.serving import translation
from pix2pix.images.decode import decode
from pix2pix.images.encode import encode, encode_as
from pix2pix.inference import Translator
from tests.pipelines.serving.test_http_app import app_of, ask, npy
from tests.pix2pix.inference.test_several_sources import make, scene
from tests.support.browser import opened_page, problems_of
from tests.support.exports import side
from tests.support.served_models import NAME, LocalModel, write_labels_model
from tests.support.served_page import started


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Translator:
    """Class ids (one-hot), a depth of floats, and a photo that is twice as large."""
    return make(
        tmp_path_factory.mktemp("model"), target=side(2, dtype="uint16", value_range=(0.0, 65535.0))
    )


def as_files(images: dict[str, np.ndarray]) -> dict[str, bytes]:
    """A PNG, an NPY and a TIFF file, by the fields of a request."""
    return {
        "image": encode(images["source"]),
        "depth": npy(images["depth"]),
        "photo": encode_as(images["photo"], "image/tiff"),
    }


def model_of(translator: Translator) -> LocalModel:
    model = LocalModel(translator, max_pixels=10**5)
    files = [as_files(scene(seed=seed)) for seed in (1, 2)]
    examples = tuple(
        {"source": each["image"], "depth": each["depth"], "photo": each["photo"]} for each in files
    )
    model.version = LoadedVersion(NAME, "1", translator, {}, examples)
    return model


@pytest.fixture
def app(translator: Translator) -> FastAPI:
    return app_of(model_of(translator))


def post(app: FastAPI, files: dict[str, bytes]) -> httpx.Response:
    body = {name: ("x", content) for name, content in files.items()}
    return ask(app, "POST", "/translate", files=body, headers={"accept": "application/x-npy"})


@pytest.mark.parametrize("size", [(40, 50), (33, 31), (1, 1)])
def test_a_form_and_json_have_a_field_for_each_source(
    app: FastAPI, translator: Translator, size: tuple[int, int]
) -> None:
    images = scene(*size)
    expected = translator.translate(images)
    answer = post(app, as_files(images))
    assert answer.status_code == 200, answer.text
    np.testing.assert_array_equal(decode(answer.content), expected)
    reordered = dict(reversed(as_files(images).items()))
    json = {name: base64.b64encode(content).decode() for name, content in reordered.items()}
    answer = ask(app, "POST", "/translate", json=json, headers={"accept": "application/x-npy"})
    np.testing.assert_array_equal(decode(answer.content), expected)


def test_fields_that_are_not_those_of_the_model_are_named(app: FastAPI, tmp_path: Path) -> None:
    files = as_files(scene())
    needed = "the model needs files in the fields image, depth, photo, got"
    for given, said in (
        ({"image": files["image"]}, f"{needed} image"),
        (files | {"edges": files["photo"]}, f"{needed} image, depth, photo, edges"),
    ):
        refused = post(app, given)
        assert (refused.status_code, refused.json()["detail"]) == (422, said)
    body = {"content": files["image"], "headers": {"content-type": "image/png"}}
    assert ask(app, "POST", "/translate", **body).json()["detail"] == f"{needed} image"
    single = app_of(LocalModel(write_labels_model(tmp_path)))
    refused = post(single, {"image": files["photo"], "depth": files["depth"]})
    assert refused.json()["detail"] == (
        "the model needs files in the fields image, got image, depth"
    )
    twice = {"files": [("image", b"x"), ("depth", b"x"), ("depth", b"y")]}
    refused = ask(app, "POST", "/translate", **twice)
    assert (refused.status_code, refused.json()["detail"]) == (
        400, "the form has two files in the field `depth`"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "status", "said"),
    [
        ("depth", b"", 422, "the image in the field `depth` is an empty file"),
        ("depth", b"hello", 415, "the image in the field `depth` is no PNG"),
        ("depth", npy(np.zeros((40, 50), np.uint8)), 422, "field `depth` has uint8 values, and"),
        ("depth", npy(np.full((40, 50), np.nan, np.float32)), 422, "field `depth` holds 2000 NaN"),
        ("depth", npy(np.zeros((2, 40, 50, 1), np.float32)), 422, "`depth` has shape (2, 40, 50"),
        ("photo", encode(np.zeros((40, 50, 3), np.uint8)), 422, "2 times as large as the first"),
        ("photo", encode(np.zeros((80, 100, 1), np.uint8)), 422, "field `photo` has 1 channel"),
        ("photo", encode(np.zeros((400, 300, 3), np.uint8)), 413, "field `photo` has 120000 pi"),
        ("image", encode(np.full((40, 50, 1), 9, np.uint8)), 422, "field `image` holds 9, and the"),
    ],
)
def test_what_is_wrong_with_a_source_is_said_with_its_field(
    app: FastAPI, name: str, content: bytes, status: int, said: str
) -> None:
    refused = post(app, as_files(scene()) | {name: content})
    assert refused.status_code == status
    assert said in refused.json()["detail"]
    assert "\n" not in refused.json()["detail"]


def test_models_examples_and_openapi_name_the_sources(app: FastAPI, translator: Translator) -> None:
    (described,) = ask(app, "GET", "/models").json()
    assert described["source"]["num_labels"] == 4
    assert {name: each["scale"] for name, each in described["extra_sources"].items()} == {
        "depth": 1.0, "photo": 2.0
    }  # fmt: skip
    example = {
        field: ask(app, "GET", "/examples/1", params={"field": field}).content
        for field in ("image", "depth", "photo")
    }
    assert example == as_files(scene(seed=2))
    assert ask(app, "GET", "/examples/1", params={"field": "source2"}).status_code == 404
    body = ask(app, "GET", "/openapi.json").json()["paths"]["/translate"]["post"]["requestBody"]
    for kind in ("multipart/form-data", "application/json"):
        schema = body["content"][kind]["schema"]
        assert schema["required"] == ["image"]
        assert list(schema["properties"]) == ["image", "depth", "photo"]
        assert NAME in schema["properties"]["depth"]["description"]


def test_questions_of_equal_sizes_are_one_batch_and_answered_as_alone(
    translator: Translator,
) -> None:
    version = model_of(translator).version
    scenes = [scene(seed=1), scene(seed=2), scene(33, 31, seed=3), scene(seed=4)]
    one_larger = dict(scenes[3], photo=np.pad(scenes[3]["photo"], ((0, 1), (0, 0), (0, 0))))
    jobs = [translation.Job(version, images, "training") for images in (*scenes, one_larger)]
    assert [jobs[0].goes_with(each) for each in jobs] == [True, True, False, True, False]
    # Nor those of another scale, or of a version that takes over meanwhile.
    for changes in ({"scale": "native"}, {"version": model_of(translator).version}):
        assert not jobs[0].goes_with(dataclasses.replace(jobs[0], **changes))
    for result, job in zip(translation.translate(jobs), jobs, strict=True):
        np.testing.assert_array_equal(result, translator.translate(dict(job.images)))


@pytest.mark.server
@pytest.mark.timeout(180)
def test_the_page_takes_a_picture_for_each_source(translator: Translator, tmp_path: Path) -> None:
    images = scene()
    for name, content in as_files(images).items():
        suffix = {"image": "png", "depth": "npy", "photo": "tif"}[name]
        (tmp_path / f"{name}.{suffix}").write_bytes(content)
    with started(model_of(translator)) as url, opened_page() as page:
        problems = problems_of(page)
        page.goto(url)
        page.locator("#about-model", has_text="version").wait_for()
        names = page.locator("extra-sources legend")
        assert names.all_inner_texts() == ["Source depth", "Source photo"]
        page.get_by_label("Picture", exact=True).check()
        page.locator("#picture input").set_input_files(tmp_path / "image.png")
        page.locator("#translate").click()
        page.locator("#status.error", has_text="for the source depth first").wait_for()
        for name, suffix in (("depth", "npy"), ("photo", "tif")):
            field = page.locator(f"[data-source={name}]")
            field.locator("input").set_input_files(tmp_path / f"{name}.{suffix}")
            field.get_by_text(f"{name}.{suffix}").wait_for()
        page.locator("#translate").click()
        assert_is_shown(page, translator.translate(images))
        page.get_by_role("button", name="example 2").click()
        assert_is_shown(page, translator.translate(scene(seed=2)))
        assert problems == []


def assert_is_shown(page: Any, expected: np.ndarray) -> None:
    page.locator("#status", has_text="Done.").wait_for()
    address = page.locator("#download").get_attribute("href")
    content = base64.b64decode(address.partition("base64,")[2])
    np.testing.assert_array_equal(decode(content), expected)
