import hashlib
import resource
import socket
import threading
from pathlib import Path

import pytest

from pix2pix.evaluation.weights_file import download_weights
from tests.support.raw_server import RawServer

CONTENT = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path for the weights, in a folder that does not exist yet."""
    return tmp_path / "checkpoints" / "weights.pth"


def answer(body: bytes, *, length: object = len(CONTENT), status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n".encode() + body


def test_after_a_download_with_the_right_hash_there_is_only_its_file(
    liar: RawServer, path: Path
) -> None:
    liar.says(answer(CONTENT))
    before = socket.getdefaulttimeout(), resource.getrlimit(resource.RLIMIT_FSIZE)
    download_weights(liar.url, path, sha256_prefix=SHA256[:8])
    assert path.read_bytes() == CONTENT
    assert list(path.parent.iterdir()) == [path]
    assert (socket.getdefaulttimeout(), resource.getrlimit(resource.RLIMIT_FSIZE)) == before


@pytest.mark.parametrize(
    ("response", "message"),
    [
        pytest.param(answer(CONTENT[::-1]), "invalid hash", id="another file"),
        pytest.param(answer(CONTENT[:200_000]), "invalid hash", id="died midway"),
        pytest.param(answer(CONTENT, length="many"), "invalid literal", id="a wrong length"),
        pytest.param(answer(b"", status="404 Not Found"), "404", id="not found"),
        pytest.param(b"\0\r\n", r"^.", id="not HTTP"),
        pytest.param(b"", "closed connection", id="no answer"),
    ],
)
def test_a_failed_download_leaves_no_file(
    liar: RawServer, path: Path, response: bytes, message: str
) -> None:
    liar.says(response)
    with pytest.raises(OSError, match=message):
        download_weights(liar.url, path, sha256_prefix=SHA256[:8])
    assert list(path.parent.iterdir()) == []


def test_a_download_ends_when_the_file_is_too_large(
    liar: RawServer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit lies within the last buffer of a block, where torch leaves its partial file."""
    monkeypatch.setattr("pix2pix.evaluation.weights_file._MAX_BYTES", (1 << 20) - 1)

    def send_for_ever(client: socket.socket) -> None:
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            client.sendall(bytes(1 << 16))

    liar.answers = [send_for_ever]
    with pytest.raises(OSError, match="File too large"):
        download_weights(liar.url, path, sha256_prefix=SHA256[:8])
    assert list(path.parent.iterdir()) == []


def test_a_download_ends_when_the_server_sends_nothing(
    liar: RawServer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pix2pix.evaluation.weights_file._TIMEOUT_S", 0.2)
    is_over = threading.Event()

    def fall_silent(client: socket.socket) -> None:
        client.sendall(answer(CONTENT[:1000]))
        is_over.wait()

    liar.answers = [fall_silent]
    with pytest.raises(TimeoutError):
        download_weights(liar.url, path, sha256_prefix=SHA256[:8])
    is_over.set()
    assert list(path.parent.iterdir()) == []
