"""A server on a free loopback port that hands out a good archive."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.support.archive_site import FILES, Site, tar_gz


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server on a free loopback port that hands out a good archive."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    state = Site(tar_gz({f"facades/{name}": data for name, data in FILES.items()}))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        close_connection = True

        def do_GET(self) -> None:
            state.answer(self)
            self.close_connection = True

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False  # closing waits for them: no answer outlives its test
    # A client that gave up waiting leaves a broken pipe; its trace would fill the test's output.
    monkeypatch.setattr(server, "handle_error", lambda *args: None)
    state.url = f"http://127.0.0.1:{server.server_port}/sets"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()
