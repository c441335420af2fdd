"""Wrong, too large and unauthorised requests are refused in one sentence."""

import base64
import dataclasses
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest

from pipelines.serving import translation
from pipelines.serving.messages import Answer, BusyError, Question, Refusal
from pix2pix.data.manifest import SideRecord
from pix2pix.images import pictures
from pix2pix.images.encode import encode
from pix2pix.inference import Translator
from pix2pix.models import DiscriminatorConfig, GeneratorConfig
from tests.support.http_app import MAX_BYTES, app_of, ask, jpeg, post, tiff
from tests.support.scientific_files import npy
from tests.support.served_models import SIZE, LocalModel, write_labels_model


def png_bomb() -> bytes:
    """A file of some hundred bytes that states 40,000 x 40,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


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
    "alpha": (encode(np.zeros((8, 8, 4), np.uint8), alpha=True), 422),
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
    assert re.match(r"the image (is|has|holds) .*; \w+", sentence), sentence
    assert "\n" not in sentence
    # The sender cannot change the settings of the training or of the server.
    assert not re.search(r"nodata|slices|num_labels|value_range|channels:|this side", sentence)


def test_short_memory_is_no_fault_of_the_file(
    translator: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(*_: object, **__: object) -> np.ndarray:
        raise MemoryError

    monkeypatch.setattr(pictures, "from_bits", no_memory)  # a part of decoding
    refused = post(app_of(LocalModel(translator)), encode(SMALL))
    assert refused.status_code == 507
    assert refused.json() == {"detail": "the server has too little memory; try it later"}


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("one channel", "the image has 1 channel(s), and the model takes 3; convert it"),
        (
            "alpha",
            "the image has 4 channel(s), and the model takes 3; "
            "remove the transparency (alpha) channel, or convert it",
        ),
        (
            "png bomb",
            f"the image has {40_000**2} pixels, more than the {4 * SIZE**2} that are accepted; "
            "scale it down",
        ),
        (
            "NaN",
            "the image holds 192 NaN or infinite values, which the model cannot translate; fill or "
            "crop them",
        ),
        (
            "batch",
            "the image has shape (2, 8, 8, 3); send (height, width, channels) of one image",
        ),
        (
            "floats",
            "the image has float32 values, and the model was trained on uint8; convert it",
        ),
    ],
)
def test_a_refusal_tells_the_sender_what_can_be_done(
    translator: Translator, name: str, sentence: str
) -> None:
    refused = post(app_of(LocalModel(translator)), BAD_FILES[name][0])
    assert refused.json() == {"detail": sentence}


def one_channel_model(folder: Path, source: SideRecord) -> Translator:
    return write_labels_model(
        folder,
        source=source,
        source_statistics=None,
        generator=GeneratorConfig(source_channels=1, base_channels=4, depth=5),
        discriminator=DiscriminatorConfig(in_channels=4, base_channels=4, num_layers=2),
    )


IDS = SideRecord("labels", 1, "uint8", (0.0, 4.0), "nearest", num_labels=4, void_label=255)
GREY_IDS = dataclasses.replace(IDS, grayscale=True)
SCAN = SideRecord("image", 1, "uint16", (0.0, 100.0), "area", nodata="file")


@pytest.mark.parametrize(
    ("side", "file", "sentence"),
    [
        (
            IDS,
            encode(np.full((8, 8, 1), 9, np.uint8)),
            "the image holds 9, and the model takes the class ids 0..3, and 255 where there is no "
            "class; correct them",
        ),
        (
            GREY_IDS,
            encode(SMALL + np.arange(3, dtype=np.uint8)),
            "the image has coloured labels, and the model takes grey ones; convert it",
        ),
        (
            SCAN,
            encode(np.zeros((8, 8, 2), np.uint8), alpha=True),
            "the image has an opacity channel, and the model takes none; remove the channel",
        ),
        (
            SCAN,
            tiff(np.zeros((8, 8), np.uint16), extratags=[(42113, "s", 0, "0", True)]),
            "the image states which of its uint16 pixels have no value, which is only read from "
            "files in a folder: give these pixels a value and remove the nodata tag (42113) and "
            "the mask, or use `pix2pix translate`",
        ),
    ],
    ids=["class id", "coloured labels", "opacity", "nodata"],
)
def test_a_refusal_names_no_setting_of_the_training(
    tmp_path: Path, side: SideRecord, file: bytes, sentence: str
) -> None:
    refused = post(app_of(LocalModel(one_channel_model(tmp_path, side))), file)
    assert (refused.status_code, refused.json()) == (422, {"detail": sentence})


def test_too_little_memory_is_told_without_the_settings_of_the_server(
    translator: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = dataclasses.replace(translator, max_memory_gib=1e-6)
    sentence = post(app_of(LocalModel(small)), encode(SMALL)).json()["detail"]
    assert re.fullmatch(
        "an image of 8x8 px needs about .* MiB of memory and 0 MiB are left; scale it down or cut "
        "it into parts",
        sentence,
    )


def test_of_a_batch_only_the_image_that_cannot_be_translated_is_refused(tmp_path: Path) -> None:
    """The requests of a batch may come from different senders."""
    source = SideRecord("image", 1, "float32", (0.0, 1.0), "area")
    version = LocalModel(one_channel_model(tmp_path, source)).version
    images = [np.full((8, 8, 1), value, np.float32) for value in (0.2, 3e38, 0.7)]
    jobs = [translation.Job(version, {"source": image}, "training") for image in images]
    first, refused, last = translation.translate(jobs)
    assert isinstance(refused, Refusal)
    assert "far outside of [0.0, 1.0]" in refused.reason
    for result, image in ((first, images[0]), (last, images[2])):
        np.testing.assert_array_equal(result, version.translator.translate(image))


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
    "base64 with other characters in it": (400, {"json": {"image": "AA!AA=="}}),
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


PNG = encode(np.zeros((SIZE, SIZE, 3), np.uint8))


@pytest.mark.parametrize("setting", ["scale", "model"])
def test_a_setting_in_the_body_is_not_ignored(setting: str, translator: Translator) -> None:
    """The answer would be that of the default, and nobody would notice."""
    app = app_of(LocalModel(translator))
    image = base64.b64encode(PNG).decode()
    bodies: list[dict[str, Any]] = [
        {"files": {"image": ("x", PNG)}, "data": {setting: "native"}},
        {"json": {"image": image, setting: "native"}},
    ]
    for body in bodies:
        refused = ask(app, "POST", "/translate", **body)
        assert refused.status_code == 400
        assert refused.json()["detail"] == (
            f"`{setting}` belongs into the address: /translate?{setting}=..."
        )
    other_text = {"files": {"image": ("x", PNG)}, "data": {"note": "native"}}
    assert ask(app, "POST", "/translate", **other_text).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "unknown"),
    [
        ("POST", "/translate?Scale=native", "Scale"),
        ("POST", "/translate?mode=published&model=m/1", "mode"),
        ("GET", "/examples/0?scale=native", "scale"),
    ],
)
def test_a_name_in_the_address_that_means_nothing_is_not_ignored(
    method: str, path: str, unknown: str, translator: Translator
) -> None:
    refused = ask(app_of(LocalModel(translator)), method, path, files={"image": ("x", PNG)})
    value = re.search(rf"{unknown}=(\w+)", path)
    assert value is not None
    assert (refused.status_code, refused.json()) == (
        422,
        {
            "detail": f"{unknown}: there is no such key (got {value[1]!r}); GET /openapi.json "
            "lists the parameters of each address"
        },
    )


def test_a_wrong_value_in_the_address_leads_to_no_list_of_names(translator: Translator) -> None:
    refused = ask(app_of(LocalModel(translator)), "POST", "/translate?scale=huge")
    assert refused.json() == {
        "detail": "scale: Input should be 'training' or 'native' (got 'huge')"
    }


@pytest.mark.parametrize("before", ["data:image/png;base64,", "\n"])
def test_what_is_wrong_with_base64_is_said(before: str, translator: Translator) -> None:
    json = {"image": before + base64.b64encode(PNG).decode()}
    refused = ask(app_of(LocalModel(translator)), "POST", "/translate", json=json)
    assert refused.status_code == 400
    assert (
        "in one line and with nothing before it, as `base64 -w0 FILE`" in refused.json()["detail"]
    )


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

    async def describe(self) -> dict[str, Any]:
        raise BusyError


def test_a_busy_model_is_429_and_says_when_to_come_back() -> None:
    refused = post(app_of(BusyModel()), encode(SMALL))
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert "again" in refused.json()["detail"]


def test_a_busy_model_is_alive() -> None:
    """Else a load balancer would take a server out as soon as it has much to do."""
    alive = ask(app_of(BusyModel()), "GET", "/healthz")
    assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
