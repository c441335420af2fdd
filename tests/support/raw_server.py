"""A server on a loopback port that sends whatever bytes a test wants, HTTP or not."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


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
