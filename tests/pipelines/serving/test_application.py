"""What the application asks of its own node."""

import asyncio
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from pipelines.serving.application import _page
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
