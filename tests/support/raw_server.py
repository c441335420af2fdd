"""A server on a loopback port that sends whatever bytes a test wants, HTTP or not."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from pix2pix.sources.download import download
from pix2pix.web import ask


@dataclass
class RawServer:
    """Its address, what it answers to one connection after the other, and what it was asked."""

    url: str
    port: int
    answers: list[Callable[[socket.socket], None]] = field(default_factory=list)
    asked: list[bytes] = field(default_factory=list)

    def says(self, *answers: bytes) -> None:
        """Each connection gets one of these, in turn; the last one stays."""
        self.answers = [lambda client, data=data: client.sendall(data) for data in answers]


@contextmanager
def raw_server() -> Iterator[RawServer]:
    """A server that answers until the context ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = RawServer(f"http://127.0.0.1:{port}/file", port)

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(client,), daemon=True).start()

    def answer(client: socket.socket) -> None:
        with client, suppress(OSError):
            server.asked.append(client.recv(65536))
            speak = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
            speak(client)

    threading.Thread(target=serve, daemon=True).start()
    yield server
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


OK = b"HTTP/1.1 200 OK\r\n"


def read_body(url: str, *, timeout_s: float = 5.0) -> bytes:
    with ask(url, timeout_s=timeout_s) as answer:
        return b"".join(iter(answer.read, b""))


def download_from(
    liar: RawServer, path: Path, *, timeout_s: float = 5.0, max_bytes: int = 10_000
) -> None:
    download(liar.url, path, timeout_s=timeout_s, retry_pauses_s=(0.0, 0.0), max_bytes=max_bytes)


def send_for_ever(client: socket.socket, head: bytes, block: bytes = bytes(65536)) -> None:
    client.sendall(head)
    while True:
        client.sendall(block)
