"""Requests whose body, form or settings are wrong are refused in one sentence."""

import base64
import re
from typing import Any

import numpy as np
import pytest

from pix2pix.images.encode import encode
from pix2pix.inference import Translator
from tests.support.http_app import MAX_BYTES, app_of, ask
from tests.support.served_models import SIZE, LocalModel

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
