"""What the application asks of the replicas of a model, and of its own node."""

import asyncio
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import RayActorError
from ray.serve.exceptions import BackPressureError
from tenacity import wait_none

from pipelines.serving.application import _TRIES, RemoteModel, _page
from pipelines.serving.messages import BusyError
from tests.support.mlflow_process import closed_port


class _Counts(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"pix2pix_answers 1")

    def log_message(self, *_: object) -> None:
        pass


def test_no_proxy_is_asked_for_the_counts_of_the_node_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with HTTPServer(("127.0.0.1", 0), _Counts) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = asyncio.run(_page(f"http://127.0.0.1:{server.server_port}/metrics"))
        server.shutdown()
    assert page == "pix2pix_answers 1"


def _model(ends: list[Exception]) -> RemoteModel:
    """A model of which each question ends as the next of the list says, and then well."""

    async def describe() -> dict[str, Any]:
        if ends:
            raise ends.pop(0)
        return {"version": 1}

    handle: Any = SimpleNamespace(describe=SimpleNamespace(remote=describe))
    return RemoteModel(handle)


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{RemoteModel.__module__}.RemoteModel._ask.retry.wait", wait_none())


@pytest.mark.usefixtures("no_pause")
def test_what_lost_replicas_were_asked_is_asked_of_another_one() -> None:
    lost: list[Exception] = [RayActorError()] * (_TRIES - 1)
    assert asyncio.run(_model(lost).describe()) == {"version": 1}
    assert lost == []


@pytest.mark.usefixtures("no_pause")
def test_a_replica_that_is_lost_each_time_is_an_error() -> None:
    lost: list[Exception] = [RayActorError()] * (_TRIES + 1)
    with pytest.raises(RayActorError):
        asyncio.run(_model(lost).describe())
    assert len(lost) == 1


def test_a_full_queue_is_said_at_once() -> None:
    full: list[Exception] = [BackPressureError(num_queued_requests=1, max_queued_requests=1)] * 2
    with pytest.raises(BusyError):
        asyncio.run(_model(full).describe())
    assert len(full) == 1
