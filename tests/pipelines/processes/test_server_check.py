"""What counts as an answer of a server: real sockets and a real HTTP server."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from pipelines.processes.server_check import CertificateError, Tls, check_answer, is_answering
from tests.support.mlflow_process import closed_port
from tests.support.tls_server import tls_server, write_certificate


class _StatusOfPath(BaseHTTPRequestHandler):
    """Answers `/404` with the status 404."""

    def do_GET(self) -> None:
        self.send_response(int(self.path.rpartition("/")[2]))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _StatusOfPath) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def _speaking(words: bytes) -> Iterator[int]:
    """The port of a server that says `words` to the first who connects, and hangs up."""

    def answer() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(words)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        speaking = threading.Thread(target=answer)
        speaking.start()
        yield listening.getsockname()[1]
        speaking.join()


@pytest.mark.parametrize("status", [200, 401, 403, 404])
def test_a_server_that_refuses_us_answers(url: str, status: int) -> None:
    check_answer(f"{url}/{status}", timeout_s=5)
    assert is_answering(f"{url}/{status}")


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_proxy_before_a_server_that_is_down_is_no_answer(url: str, status: int) -> None:
    with pytest.raises(ConnectionError, match=str(status)):
        check_answer(f"{url}/{status}", timeout_s=5)
    assert not is_answering(f"{url}/{status}")


def test_nobody_listens() -> None:
    with pytest.raises(ConnectionError, match="refused"):
        check_answer(f"http://127.0.0.1:{closed_port()}", timeout_s=5)


def test_something_that_does_not_speak_http() -> None:
    with _speaking(b"SSH-2.0-OpenSSH_9.2\r\n") as port, pytest.raises(ConnectionError):
        check_answer(f"http://127.0.0.1:{port}", timeout_s=5)


def test_a_server_that_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ConnectionError, match="timed out"):
            check_answer(url, timeout_s=0.2)


@pytest.mark.slow
def test_tls_that_fails_is_an_answer_where_the_settings_of_the_client_are_unknown(
    tmp_path: Path,
) -> None:
    certificate = write_certificate(tmp_path / "server.pem")
    with tls_server(certificate) as url:
        check_answer(url, timeout_s=5)  # it does not trust the server
    with tls_server(certificate, trusted_client=certificate) as url:
        check_answer(url, timeout_s=5)
        with pytest.raises(CertificateError, match="CERTIFICATE_VERIFY_FAILED"):
            check_answer(url, timeout_s=5, tls=Tls())
        with pytest.raises(ConnectionError):  # it wants one of its client, which is another matter
            check_answer(url, timeout_s=5, tls=Tls(verify=str(certificate)))


def test_a_network_named_in_no_proxy_is_asked_without_the_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As MLflow's client does."""
    with HTTPServer(("127.0.0.2", 0), _StatusOfPath) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")
        monkeypatch.setenv("no_proxy", "127.0.0.0/8")
        check_answer(f"http://127.0.0.2:{server.server_port}/200", timeout_s=5)
        server.shutdown()


def test_the_proxy_of_the_environment_is_asked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", url)
    check_answer("http://mlflow.example/200", timeout_s=5)
    with pytest.raises(ConnectionError, match="HTTP Error 502"):
        check_answer("http://mlflow.example/502", timeout_s=5)
