"""The HTTP side over models in this process: every kind of request, right and wrong ones."""

import asyncio
import base64
import hashlib
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import httpx
import imagecodecs
import numpy as np
import pytest
import tifffile
from fastapi import FastAPI
from PIL import Image

from pipelines.serving.access import Access
from pipelines.serving.http_app import make_app
from pipelines.serving.messages import Answer, BusyError, Question, Refusal
from pix2pix.data.manifest import SideRecord
from pix2pix.images.decode import decode
from pix2pix.images.encode import encode, encode_as
from pix2pix.inference import Translator
from pix2pix.models import DiscriminatorConfig, GeneratorConfig
from tests.support.served_models import NAME, SIZE, LocalModel, label_maps, write_labels_model
from tests.support.tracked_project import SIDE

MAX_BYTES = 2**20


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Translator:
    return write_labels_model(tmp_path_factory.mktemp("model"))


async def no_metrics() -> str:
    return "pix2pix_answers 1\n"


def app_of(*models: Any, token: str | None = None) -> FastAPI:
    digest = None if token is None else hashlib.sha256(token.encode()).digest()
    named = {NAME if place == 0 else f"other/{place}": each for place, each in enumerate(models)}
    return make_app(named, access=Access(digest), max_body_bytes=MAX_BYTES, metrics=no_metrics)


def ask(
    app: FastAPI, method: str, path: str, *, host: str = "localhost", peer: str = "::1", **body: Any
) -> httpx.Response:
    async def request() -> httpx.Response:
        transport = httpx.ASGITransport(app, client=(peer, 1), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
            return await client.request(method, path, **body)

    return asyncio.run(request())


def post(app: FastAPI, file: bytes, **options: Any) -> httpx.Response:
    """A file in a form."""
    return ask(app, "POST", "/translate", files={"image": ("x", file)}, **options)


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def jpeg(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG")
    return file.getvalue()


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


@pytest.mark.parametrize("kind", ["image/png", "image/tiff", "application/x-npy"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_the_chosen_format_has_all_bits(dtype: str, kind: str, tmp_path: Path) -> None:
    side = SideRecord("image", 3, dtype, (0.0, float(np.iinfo(dtype).max)), "area")
    translator = write_labels_model(tmp_path, source=side, target=side, source_statistics=None)
    image = np.random.default_rng(0).integers(0, 9, (SIZE, SIZE, 3)).astype(dtype)
    answer = post(app_of(LocalModel(translator)), encode(image), headers={"accept": kind})
    assert answer.headers["content-type"] == kind
    result = decode(answer.content)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, translator.translate(image))


def test_jpeg_is_close_and_the_first_acceptable_format_is_taken(translator: Translator) -> None:
    app = app_of(LocalModel(translator))
    (image,) = label_maps(50, 1)
    accept = {"accept": "text/html, image/png;q=0.1, image/jpeg;q=0.9, application/json;q=0"}
    answer = post(app, encode(image), headers=accept)
    assert answer.headers["content-type"] == "image/jpeg"
    assert decode(answer.content).shape == (SIZE, SIZE, 3)
    for unwanted in ("text/html", "text/html, application/json;q=0"):
        refused = post(app, encode(image), headers={"accept": unwanted})
        assert refused.status_code == 406


def test_floats_become_tiff_and_no_png(tmp_path: Path) -> None:
    target = SideRecord("image", 3, "float32", (-1.0, 1.0), "area")
    app = app_of(LocalModel(write_labels_model(tmp_path, target=target)))
    file = encode(label_maps(50, 1)[0])
    assert post(app, file).headers["content-type"] == "image/tiff"
    refused = post(app, file, headers={"accept": "image/png"})
    assert refused.status_code == 406
    assert "float32" in refused.json()["detail"]


def test_labels_are_never_answered_as_jpeg(tmp_path: Path) -> None:
    target = SideRecord("labels", 3, "uint8", (0.0, 255.0), "nearest")
    app = app_of(LocalModel(write_labels_model(tmp_path, target=target)))
    answer = post(app, encode(label_maps(50, 1)[0]), headers={"accept": "image/jpeg"})
    assert answer.status_code == 406


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


def png_bomb() -> bytes:
    """A file of some hundred bytes that states 40,000 x 40,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def tiff(array: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, array, **options)
    return file.getvalue()


LARGE = np.zeros((2 * SIZE + 1, 2 * SIZE, 3), np.uint8)
SMALL = np.zeros((8, 8, 3), np.uint8)
BAD_FILES = {
    "empty": (b"", 422),
    "text": (b"hello", 415),
    "html as picture": (b"<html>" * 50, 415),
    "zip": (b"PK\x03\x04" + b"\0" * 50, 415),
    "gzip": (b"\x1f\x8b" + b"\0" * 50, 415),
    "truncated png": (encode(SMALL)[:-20], 422),
    "truncated jpeg": (jpeg(SMALL)[:-200], 422),
    "truncated tiff": (tiff(SMALL)[:50], 422),
    "png bomb": (png_bomb(), 413),
    "tiff bomb": (tiff(np.zeros((999, 999), np.uint8), compression="zlib"), 413),
    "many tiff pages": (tiff(np.zeros((9, 50, 50), np.uint8), photometric="minisblack"), 413),
    "large png": (encode(LARGE), 413),
    "large jpeg": (jpeg(LARGE), 413),
    "one channel": (encode(SMALL[..., :1]), 422),
    "alpha": (encode(np.zeros((8, 8, 4), np.uint8)), 422),
    "16 bits": (bytes(imagecodecs.png_encode(SMALL.astype(np.uint16))), 422),
    "NaN": (npy(np.full((8, 8, 3), np.nan, np.float32)), 422),
    "floats": (npy(np.zeros((8, 8, 3), np.float32)), 422),
    "no pixels": (npy(np.zeros((0, 8, 3), np.uint8)), 422),
    "objects": (npy(np.array([{}], dtype=object)), 422),
    "batch": (npy(np.zeros((2, 8, 8, 3), np.uint8)), 422),
    "npy that states more": (npy(SMALL).replace(b"(8, 8, 3)", b"(8, 8000, 3)"), 422),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_refused_in_one_sentence(name: str, translator: Translator) -> None:
    file, status = BAD_FILES[name]
    refused = post(app_of(LocalModel(translator)), file)
    assert (refused.status_code, list(refused.json())) == (status, ["detail"])
    sentence = refused.json()["detail"]
    assert sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("one channel", "the image has 1 channel(s), and the model takes 3; convert it"),
        (
            "alpha",
            "the image has 4 channel(s), and the model takes 3; "
            "remove the transparency (alpha) channel, or convert it",
        ),
        ("png bomb", f"the image has more than the {4 * SIZE**2} pixels that are accepted"),
    ],
)
def test_a_refusal_tells_the_sender_what_can_be_done(
    translator: Translator, name: str, sentence: str
) -> None:
    refused = post(app_of(LocalModel(translator)), BAD_FILES[name][0])
    assert refused.json() == {"detail": sentence}


BAD_BODIES: dict[str, tuple[int, dict[str, Any]]] = {
    "no body": (415, {}),
    "wrong type": (415, {"content": b"x", "headers": {"content-type": "text/plain"}}),
    "no form": (400, {"content": b"x", "headers": {"content-type": "multipart/form-data"}}),
    "broken form": (
        400,
        {"content": b"x", "headers": {"content-type": "multipart/form-data; boundary=a"}},
    ),
    "other field": (400, {"files": {"picture": ("x", b"x")}}),
    "text in the field": (400, {"data": {"image": "x"}, "files": {"other": b"x"}}),
    "two files": (400, {"files": [("image", b"x"), ("image", b"x")]}),
    "no JSON": (400, {"content": b"{", "headers": {"content-type": "application/json"}}),
    "nested JSON": (
        400,
        {"content": b"[" * 100_000, "headers": {"content-type": "application/json"}},
    ),
    "list": (400, {"json": []}),
    "number": (400, {"json": {"image": 3}}),
    "no base64": (400, {"json": {"image": "ä"}}),
    "long": (413, {"files": {"image": b"x" * MAX_BYTES}}),
    "long, length not stated": (413, {"content": None}),
    "unknown scale": (422, {"files": {"image": b"x"}, "params": {"scale": "huge"}}),
    "unknown model": (404, {"files": {"image": b"x"}, "params": {"model": "nobody"}}),
}


async def endless() -> Any:
    while True:
        yield b"x" * 2**16


@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_bad_request_is_refused_in_one_sentence(name: str, translator: Translator) -> None:
    status, request = BAD_BODIES[name]
    if name.startswith("long, "):
        request = {"content": endless(), "headers": {"content-type": "image/png"}}
    refused = ask(app_of(LocalModel(translator)), "POST", "/translate", **request)
    assert (refused.status_code, list(refused.json())) == (status, ["detail"])
    assert "\n" not in refused.json()["detail"]


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
    assert ask(app, "GET", "/docs").status_code == 404
    assert ask(app, "GET", "/healthz").json() == {"status": "ok"}
    assert ask(app, "GET", "/metrics").text == "pix2pix_answers 1\n"


PROTECTED = [
    ("GET", "/openapi.json"),
    ("POST", "/translate"),
    ("GET", "/models"),
    ("GET", "/metrics"),
    ("GET", "/examples/0"),
]


@pytest.mark.parametrize(("method", "path"), PROTECTED)
def test_a_token_is_needed_where_there_is_one(
    method: str, path: str, translator: Translator
) -> None:
    app = app_of(LocalModel(translator), token="sesame")
    for given in ({}, {"authorization": "Bearer other"}, {"authorization": "Basic sesame"}):
        refused = ask(app, method, path, headers=given, peer="192.0.2.7", host="example.org")
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == "Bearer"
    right = {"authorization": "Bearer sesame"}
    allowed = ask(app, method, path, headers=right, peer="192.0.2.7", host="example.org")
    assert allowed.status_code == (415 if method == "POST" else 200)


@pytest.mark.parametrize(("method", "path"), PROTECTED)
def test_without_a_token_only_this_machine_is_answered(
    method: str, path: str, translator: Translator
) -> None:
    app = app_of(LocalModel(translator))
    assert ask(app, method, path, peer="192.0.2.7").status_code == 403
    # A page of a stranger whose name leads to this machine (DNS rebinding).
    assert ask(app, method, path, host="stranger.example").status_code == 403
    assert ask(app, method, path, host="127.0.0.1").status_code in (200, 415)


class BusyModel:
    async def answer(self, question: Question) -> Answer | Refusal:
        raise BusyError


def test_a_busy_model_is_429_and_says_when_to_come_back() -> None:
    refused = post(app_of(BusyModel()), encode(SMALL))
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert "again" in refused.json()["detail"]


def test_images_are_batched_by_size_and_answered_as_alone(translator: Translator) -> None:
    from pipelines.serving import translation

    version = LocalModel(translator).version
    random = np.random.default_rng(0)
    sizes = [(64, 64), (37, 50), (64, 64), (64, 64), (37, 50)]
    images = [random.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    jobs = [translation.Job(version, {"source": image}, "native") for image in images]
    for result, image in zip(translation.translate(jobs), images, strict=True):
        np.testing.assert_array_equal(result, translator.translate(image, scale="native"))


def test_grey_sides_take_colours(tmp_path: Path) -> None:
    grey = SideRecord("image", 1, "uint8", (0.0, 255.0), "area", grayscale=True)
    from pix2pix.models import DiscriminatorConfig, GeneratorConfig

    translator = write_labels_model(
        tmp_path,
        source=grey,
        target=SIDE,
        source_statistics=None,
        generator=GeneratorConfig(source_channels=1, base_channels=4, depth=5),
        discriminator=DiscriminatorConfig(in_channels=4, base_channels=4, num_layers=2),
    )
    image = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    assert post(app_of(LocalModel(translator)), encode(image)).content == encode(
        translator.translate(image)
    )


@pytest.mark.parametrize("nodata", [-9999.0, "nan", "file"])
def test_pixels_without_a_value_are_left_out_as_in_a_translated_file(
    nodata: Any, tmp_path: Path
) -> None:
    """Also the value that the file itself states, and the answer marks them as the target does."""
    source = SideRecord("image", 1, "float32", (0.0, 100.0), "area", nodata=nodata)
    target = SideRecord("image", 1, "float32", (0.0, 1.0), "area", nodata=-1.0)
    translator = write_labels_model(
        tmp_path,
        source=source,
        target=target,
        generator=GeneratorConfig(source_channels=1, target_channels=1, base_channels=4, depth=5),
        discriminator=DiscriminatorConfig(in_channels=2, base_channels=4),
        source_statistics=None,
    )
    image = np.random.default_rng(0).uniform(0, 100, (50, 40, 1)).astype(np.float32)
    image[10:30, 5:20] = np.nan if nodata == "nan" else -9999.0
    path = tmp_path / "in.tif"
    path.write_bytes(encode(image, nodata=-9999.0))
    answer = post(app_of(LocalModel(translator)), path.read_bytes())
    result = decode(answer.content)
    np.testing.assert_array_equal(result, translator.translate_file(path))
    assert ((result == -1) == (image != image.clip(0, 100))).all()


def test_whole_numbers_whose_file_states_nodata_are_refused(tmp_path: Path) -> None:
    source = SideRecord("image", 3, "uint8", (0.0, 255.0), "area", nodata="file")
    app = app_of(LocalModel(write_labels_model(tmp_path, source=source, source_statistics=None)))
    file = encode_as(np.zeros((8, 8, 3), np.uint8), "image/tiff", nodata=0.0)
    refused = post(app, file)
    assert refused.status_code == 422
    assert "use `pix2pix translate`" in refused.json()["detail"]
