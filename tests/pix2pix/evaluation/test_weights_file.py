import hashlib
import resource
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pix2pix.evaluation.weights_file import download_weights
from tests.support.raw_server import RawServer, send_for_ever

CONTENT = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pix2pix.evaluation.weights_file._RETRY_PAUSES_S", (0.0, 0.0))


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
    download_weights(liar.url, path, sha256_prefix=SHA256[:8])
    assert path.read_bytes() == CONTENT
    assert list(path.parent.iterdir()) == [path]


def test_a_download_changes_no_limit_of_the_whole_process(liar: RawServer, path: Path) -> None:
    """Other threads write files and speak to servers meanwhile."""

    def limits() -> tuple[object, ...]:
        return socket.getdefaulttimeout(), resource.getrlimit(resource.RLIMIT_FSIZE)

    seen = []

    def look_and_answer(client: socket.socket) -> None:
        seen.append(limits())
        client.sendall(answer(CONTENT))

    liar.answers = [look_and_answer]
    download_weights(liar.url, path, sha256_prefix=SHA256[:8])
    assert seen == [limits()]


@pytest.mark.parametrize(
    ("response", "message"),
    [
        pytest.param(answer(CONTENT[::-1]), "has the SHA-256 .* not ", id="another file"),
        pytest.param(answer(b"", status="404 Not Found"), "404", id="not found"),
        pytest.param(answer(b"", length=1 << 40), "announces", id="too large"),
        pytest.param(b"\0\r\n", r"gave up", id="not HTTP"),
        pytest.param(b"", "gave up", id="no answer"),
        pytest.param(
            b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
            "redirects",
            id="elsewhere",
        ),
    ],
)
def test_a_failed_download_leaves_no_file(
    liar: RawServer, path: Path, response: bytes, message: str
) -> None:
    liar.says(response)
    with pytest.raises(OSError, match=message):
        download_weights(liar.url, path, sha256_prefix=SHA256[:8])
    assert list(path.parent.iterdir()) == []


def test_a_download_that_was_cut_goes_on_where_it_stopped(liar: RawServer, path: Path) -> None:
    liar.says(answer(CONTENT[:200_000]), b"")
    with pytest.raises(ConnectionError, match="gave up after 3 attempts"):
        download_weights(liar.url, path, sha256_prefix=SHA256[:8])
    assert not path.exists()
    placed = f"Content-Range: bytes 200000-{len(CONTENT) - 1}/{len(CONTENT)}"
    rest = CONTENT[200_000:]
    head = f"HTTP/1.1 206 Partial Content\r\n{placed}\r\nContent-Length: {len(rest)}\r\n\r\n"
    liar.says(head.encode() + rest)
    download_weights(liar.url, path, sha256_prefix=SHA256[:8])
    assert path.read_bytes() == CONTENT
    assert list(path.parent.iterdir()) == [path]


def test_two_downloads_at_once_do_not_mix(liar: RawServer, path: Path) -> None:
    """Runs of several projects share torch's cache."""
    half, others_wait = len(CONTENT) // 2, threading.Event()

    def pause_midway(client: socket.socket) -> None:
        client.sendall(answer(CONTENT[:half]))
        others_wait.wait(0.5)
        client.sendall(CONTENT[half:])

    liar.answers = [pause_midway]
    with ThreadPoolExecutor(3) as threads:
        for _ in range(3):
            threads.submit(download_weights, liar.url, path, sha256_prefix=SHA256[:8])
    assert path.read_bytes() == CONTENT
    assert len(liar.asked) == 1


def test_a_download_ends_when_the_file_is_too_large(
    liar: RawServer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pix2pix.evaluation.weights_file._MAX_BYTES", (1 << 20) - 1)
    liar.answers = [lambda client: send_for_ever(client, b"HTTP/1.1 200 OK\r\n\r\n")]
    with pytest.raises(ConnectionError, match="has sent more than the 1048575 bytes"):
        download_weights(liar.url, path, sha256_prefix=SHA256[:8])
    assert list(path.parent.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("sent", [b"", b"x"], ids=["nothing", "a byte now and then"])
def test_a_download_ends_when_the_server_sends_next_to_nothing(
    liar: RawServer, path: Path, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr("pix2pix.evaluation.weights_file._TIMEOUT_S", 0.2)
    is_over = threading.Event()

    def dawdle(client: socket.socket) -> None:
        client.sendall(answer(b""))
        while not is_over.wait(0.05):
            client.sendall(sent)

    liar.answers = [dawdle]
    with pytest.raises(ConnectionError, match=r"timed out|slower than"):
        download_weights(liar.url, path, sha256_prefix=SHA256[:8])
    is_over.set()
    assert not path.exists()
