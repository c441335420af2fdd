"""Requests that are refused whatever they hold: without a token, or while the model is busy."""

from typing import Any

import numpy as np
import pytest

from pipelines.serving.messages import Answer, BusyError, Question, Refusal
from pix2pix.images.encode import encode
from pix2pix.inference import Translator
from tests.support.http_app import app_of, ask, post
from tests.support.served_models import LocalModel

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
    refused = post(app_of(BusyModel()), encode(np.zeros((8, 8, 3), np.uint8)))
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert "again" in refused.json()["detail"]


def test_a_busy_model_is_alive() -> None:
    """Else a load balancer would take a server out as soon as it has much to do."""
    alive = ask(app_of(BusyModel()), "GET", "/healthz")
    assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
