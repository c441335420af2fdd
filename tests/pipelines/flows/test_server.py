"""What is said where Prefect's server does not let us in, or has a defect."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from pipelines.flows.server import prefect_client
from pix2pix.errors import UserError


class _StatusOfPath(BaseHTTPRequestHandler):
    """Answers each request with the number that its path begins with."""

    def do_GET(self) -> None:
        self.send_response(int(self.path.split("/")[1]))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (401, UserError, r"refuses \(status 401\): set PREFECT_API_AUTH_STRING to the user:pass"),
        (403, UserError, r"refuses \(status 403\): set PREFECT_API_AUTH_STRING to the user:pass"),
        (501, ConnectionError, "cannot be used: .*501"),
    ],
)
def test_a_refusal_names_the_variable_and_is_not_tried_again(
    status: int, kind: type[Exception], words: str
) -> None:
    with HTTPServer(("127.0.0.1", 0), _StatusOfPath) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/{status}"
        with pytest.raises(kind, match=f"{url} {words}"), prefect_client(url) as client:
            client.read_work_pools()
        server.shutdown()
