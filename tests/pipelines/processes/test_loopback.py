"""A proxy of the environment is not asked for servers on this machine, by any client."""

import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.request import urlopen

import httpx
import pytest
import requests

from pipelines.entrypoint import run
from tests.support.mlflow_process import closed_port


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment, of which what is done to these variables is undone."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        for each in (name, name.upper()):
            monkeypatch.setenv(each, "")
            monkeypatch.delenv(each)
    return monkeypatch


@pytest.mark.parametrize(
    "status",
    [
        lambda url: requests.get(url, timeout=5).status_code,  # MLflow's client
        lambda url: httpx.get(url).status_code,  # Prefect's client
        lambda url: urlopen(url, timeout=5).status,
    ],
    ids=["requests", "httpx", "urllib"],
)
@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_a_server_on_this_machine_answers(
    url: str, variables: pytest.MonkeyPatch, variable: str, status: Callable[[str], int]
) -> None:
    variables.setenv(variable, f"http://127.0.0.1:{closed_port()}")
    run(lambda: None)
    assert status(url) == 200


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ({"NO_PROXY": "a.example, ::1"}, "a.example,::1,127.0.0.1,localhost"),
        ({"no_proxy": "b.example", "NO_PROXY": "a.example"}, "b.example,127.0.0.1,localhost,::1"),
    ],
)
def test_other_hosts_without_proxy_stay(
    variables: pytest.MonkeyPatch, named: dict[str, str], told: str
) -> None:
    variables.setenv("https_proxy", "http://proxy.example")
    for name, value in named.items():
        variables.setenv(name, value)
    run(lambda: None)
    assert os.environ["no_proxy"] == os.environ["NO_PROXY"] == told


@pytest.mark.parametrize(
    "named", [{}, {"NO_PROXY": "a.example"}, {"http_proxy": "http://x", "no_proxy": "*"}]
)
def test_where_no_proxy_is_used_nothing_changes(
    variables: pytest.MonkeyPatch, named: dict[str, str]
) -> None:
    for name, value in named.items():
        variables.setenv(name, value)
    before = dict(os.environ)
    run(lambda: None)
    assert dict(os.environ) == before
