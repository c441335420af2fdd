"""The HTTP side over models in this process: what is asked, and by which address."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pix2pix.images.encode import encode
from pix2pix.inference import Translator
from tests.support.http_app import app_of, ask, post
from tests.support.scientific_files import npy
from tests.support.served_models import NAME, SIZE, LocalModel, label_maps, write_labels_model


@pytest.mark.parametrize("size", [(SIZE, SIZE), (37, 101), (1, 1)])
@pytest.mark.parametrize("scale", ["training", "native"])
def test_a_form_is_answered_with_the_translator_s_own_result_as_png(
    translator: Translator, size: tuple[int, int], scale: Any
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    answer = post(app_of(LocalModel(translator)), encode(image), params={"scale": scale})
    assert answer.status_code == 200
    assert answer.content == encode(translator.translate(image, scale=scale))
    assert answer.headers["content-type"] == "image/png"


def test_json_and_plain_bodies_give_the_same_as_a_form(translator: Translator) -> None:
    app = app_of(LocalModel(translator))
    (image,) = label_maps(50, 1)
    file, expected = encode(image), encode(translator.translate(image))
    assert post(app, file).content == expected
    for kind, content in {
        "image/png": file,
        "application/octet-stream": file,
        "application/x-npy": npy(image),
    }.items():
        body = {"content": content, "headers": {"content-type": kind}}
        assert ask(app, "POST", "/translate", **body).content == expected
    json = {"image": base64.b64encode(file).decode()}
    answer = ask(app, "POST", "/translate", json=json, headers={"accept": "application/json"})
    assert base64.b64decode(answer.json().pop("image")) == expected
    assert {**answer.json(), "image": None} == {
        "image": None,
        "media_type": "image/png",
        "model": NAME,
        "version": "1",
        "protocol": answer.json()["protocol"],
        "unlike_training": [],
    }


def test_answers_name_model_version_and_protocol(translator: Translator) -> None:
    app = app_of(LocalModel(translator, number="7"))
    file = encode(label_maps(50, 1)[0])
    headers = post(app, file).headers
    assert (headers["x-model-name"], headers["x-model-version"]) == (NAME, "7")
    assert headers["x-model-protocol"] == (
        f"inference_mode=published; seed=0; resize=stretch {SIZE}; resize_kernel=nearest; "
        f"direction=AtoB; data={'d' * 12}"
    )
    native = post(app, file, params={"scale": "native"}).headers["x-model-protocol"]
    assert "resize=none" in native


def test_a_negative_and_noise_are_called_unlike_the_training_and_a_label_map_is_not(
    translator: Translator,
) -> None:
    app = app_of(LocalModel(translator))
    (image,) = label_maps(50, 1)
    assert "x-input-unlike-training" not in post(app, encode(image)).headers
    noise = np.random.default_rng(0).integers(0, 256, image.shape, dtype=np.uint8)
    for strange in (255 - image, noise):
        said = post(app, encode(strange)).headers["x-input-unlike-training"]
        assert "share of label colours is 0, in training" in said


def test_models_are_chosen_by_reference(translator: Translator, tmp_path: Path) -> None:
    other = write_labels_model(tmp_path, seed=1)
    app = app_of(LocalModel(translator), LocalModel(other, number="2"))
    (image,) = label_maps(50, 1)
    answers = [
        post(app, encode(image), params=params)
        for params in ({}, {"model": NAME}, {"model": "models:/other/1"})
    ]
    assert [each.headers["x-model-version"] for each in answers] == ["1", "1", "2"]
    assert answers[2].content == encode(other.translate(image))
    described = ask(app, "GET", "/models").json()
    assert [each["version"] for each in described] == ["1", "2"]
    assert described[0]["palette"] == list(translator.card.source_statistics.palette)
    assert described[0]["scores"] == {"dev/l1": 0.1}


def test_examples_are_sources_that_translate(translator: Translator) -> None:
    app = app_of(LocalModel(translator))
    (number,) = [each["num_examples"] for each in ask(app, "GET", "/models").json()]
    for place in range(number):
        example = ask(app, "GET", f"/examples/{place}")
        assert example.headers["content-type"] == "image/png"
        assert "x-input-unlike-training" not in post(app, example.content).headers
    assert ask(app, "GET", f"/examples/{number}").status_code == 404


def test_openapi_describes_the_addresses_and_no_page_of_another_server_is_loaded(
    translator: Translator,
) -> None:
    app = app_of(LocalModel(translator))
    described = ask(app, "GET", "/openapi.json").json()
    assert set(described["paths"]) == {
        "/translate", "/models", "/examples/{number}", "/healthz", "/metrics"
    }  # fmt: skip
    form = described["paths"]["/translate"]["post"]["requestBody"]["content"]["multipart/form-data"]
    assert form["schema"]["required"] == ["image"]
    named = {
        path: [each["name"] for each in next(iter(methods.values())).get("parameters", ())]
        for path, methods in described["paths"].items()
    }
    assert (named["/translate"], named["/examples/{number}"]) == (
        ["model", "scale"], ["number", "model", "field"]
    )  # fmt: skip
    assert ask(app, "GET", "/docs").status_code == 404
    assert ask(app, "GET", "/healthz").json() == {"status": "ok"}
    assert ask(app, "GET", "/metrics").text == "pix2pix_answers 1\n"


def test_images_are_batched_by_size_and_answered_as_alone(translator: Translator) -> None:
    from pipelines.serving import translation

    version = LocalModel(translator).version
    random = np.random.default_rng(0)
    sizes = [(64, 64), (37, 50), (64, 64), (64, 64), (37, 50)]
    images = [random.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    jobs = [translation.Job(version, {"source": image}, "native") for image in images]
    for result, image in zip(translation.translate(jobs), images, strict=True):
        np.testing.assert_array_equal(result, translator.translate(image, scale="native"))
