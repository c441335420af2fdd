"""A proxy before an MLflow server that passes each write on and then cuts its answer, once."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_READS = ("/runs/search", "/experiments/search")  # posted, but nothing changes


class _Cutter(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, server: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.server = server
        self.seen: set[tuple[str, str, bytes]] = set()
        self.cut: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    server: _Cutter

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        request = (self.command, self.path, self.rfile.read(length))
        status, headers, answer = self._asked(request)
        is_write = self.command != "GET" and not self.path.endswith(_READS)
        if is_write and request not in self.server.seen:
            self.server.seen.add(request)
            self.server.cut.append(f"{self.command} {self.path}")
            self.close_connection = True
            return
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() in ("content-type", "content-length"):
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_PUT = do_PATCH = do_GET  # noqa: N815

    def _asked(self, request: tuple[str, str, bytes]) -> tuple[int, list[tuple[str, str]], bytes]:
        method, path, body = request
        connection = http.client.HTTPConnection(urlsplit(self.server.server).netloc, timeout=30)
        headers = {"Content-Type": self.headers.get("Content-Type", "application/json")}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        return response.status, response.getheaders(), answer


@contextmanager
def cutting_answers(server: str) -> Iterator[tuple[str, list[str]]]:
    """The address of the proxy, and the writes whose answer it has cut so far."""
    proxy = _Cutter(server)
    thread = threading.Thread(target=proxy.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{proxy.server_port}", proxy.cut
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join()
