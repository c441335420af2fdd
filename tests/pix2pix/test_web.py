"""Servers that lie, wait and send endlessly: raw bytes over loopback sockets."""

import socket
import time
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError

import pytest

from pix2pix.errors import StorageError
from tests.support.raw_server import OK, RawServer, download_from, read_body, send_for_ever
from tests.support.tls_server import tls_server, write_certificate


@pytest.mark.parametrize(
    ("head", "block"),
    [
        (b"", b"H"),
        (OK, b"X"),
        (OK + b"Content-Length: 5000\r\n\r\n", b"x"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1;"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"a: b\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["status", "header", "body", "chunks", "chunk's head", "trailer", "interim answers"],
)
def test_a_server_that_sends_next_to_nothing_is_left(
    liar: RawServer, head: bytes, block: bytes
) -> None:
    """Each byte comes long before the socket's own time limit, so that this never ends by it."""

    def drip(client: socket.socket) -> None:
        client.sendall(head)
        while True:
            client.sendall(block)
            time.sleep(0.02)

    liar.answers = [drip]
    started_s = time.monotonic()
    with pytest.raises((OSError, HTTPException), match="slower than 1024 bytes per second"):
        read_body(liar.url, timeout_s=0.15)
    assert time.monotonic() - started_s < 3


def test_a_file_without_end_is_left_where_it_is_too_large(liar: RawServer, tmp_path: Path) -> None:
    liar.answers = [lambda client: send_for_ever(client, OK + b"\r\n")]
    with pytest.raises(ConnectionError, match="more than the 10000 bytes"):
        download_from(liar, tmp_path / "file")
    assert len(liar.asked) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_announced_too_large_is_not_begun(liar: RawServer, tmp_path: Path) -> None:
    liar.says(OK + b"Content-Length: 10001\r\n\r\nx")
    with pytest.raises(ConnectionError, match="announces 10001 bytes"):
        download_from(liar, tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("length", ["10", "-1", "\xb2", "1e3", "9" * 5000, "+5", "5, 5"])
def test_a_wrong_length_is_no_crash_and_nothing_cut_is_kept(
    liar: RawServer, tmp_path: Path, length: str
) -> None:
    """A length that cannot be read counts as none: then the file ends with the connection."""
    liar.says(OK + f"Content-Length: {length}\r\n\r\nbody".encode("latin-1"))
    path = tmp_path / "file"
    if length == "10":
        with pytest.raises(ConnectionError, match="cut at byte 4 of 10"):
            download_from(liar, path)
        assert not path.exists()
    else:
        download_from(liar, path)
        assert path.read_bytes() == b"body"


@pytest.mark.parametrize("size", ["zz", "-5", "9" * 5000])
def test_a_chunk_of_absurd_length_is_a_cut(liar: RawServer, tmp_path: Path, size: str) -> None:
    liar.says(OK + f"Transfer-Encoding: chunked\r\n\r\n{size}\r\nbody".encode())
    with pytest.raises(ConnectionError, match="gave up after 3 attempts"):
        download_from(liar, tmp_path / "file")
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize(
    "spoken",
    ["bytes 5-9/10", f"bytes 0-9/{'9' * 5000}", "bytes 4-9/6", "bytes */10", "", "bytes 4-3/10"],
)
def test_a_part_that_does_not_continue_ours_is_never_joined(
    liar: RawServer, tmp_path: Path, spoken: str
) -> None:
    whole = OK + b'ETag: "1"\r\nContent-Length: 10\r\n\r\n'
    part = f"HTTP/1.1 206 Part\r\nContent-Range: {spoken}\r\n\r\nother!".encode()
    liar.says(whole + b"0123", part, whole + b"0123456789")
    download_from(liar, tmp_path / "file")
    expected = b"0123456789" if spoken != "bytes 4-3/10" else b"0123other!"
    assert (tmp_path / "file").read_bytes() == expected


def test_more_than_was_announced_is_not_appended(liar: RawServer, tmp_path: Path) -> None:
    whole = OK + b'ETag: "1"\r\nContent-Length: 10\r\n\r\n'
    part = b'HTTP/1.1 206 Part\r\nETag: "1"\r\nContent-Range: bytes 4-9/10\r\n\r\n'
    liar.says(whole + b"0123", part + b"456789 and more", whole + b"0123456789")
    download_from(liar, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"0123456789"


@pytest.mark.parametrize("tag", ['"a\r\n b"', '"' + "x" * 5000 + '"', '"\xe4"', '"\x01"'])
def test_an_etag_that_cannot_be_sent_back_is_not(liar: RawServer, tmp_path: Path, tag: str) -> None:
    head = OK + f"ETag: {tag}\r\nContent-Length: 10\r\n\r\n".encode("latin-1")
    liar.says(head + b"0123", head + b"0123456789")
    download_from(liar, tmp_path / "file")
    assert b"If-Range" not in liar.asked[1]
    assert (tmp_path / "file").read_bytes() == b"0123456789"


def test_a_server_s_words_do_not_command_the_terminal(liar: RawServer, tmp_path: Path) -> None:
    liar.says(b"HTTP/1.1 404 \x1b[2J gone\r\n\r\n")
    with pytest.raises(ConnectionError, match="answered 404") as caught:
        download_from(liar, tmp_path / "file")
    assert "\x1b" not in str(caught.value)


def test_an_error_s_status_is_told(liar: RawServer) -> None:
    liar.says(b"HTTP/1.1 503 Busy\r\n\r\n")
    with pytest.raises(HTTPError, match="503"):
        read_body(liar.url)


def test_an_https_server_is_asked_once_its_certificate_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = write_certificate(tmp_path / "own.pem")
    with tls_server(certificate) as url:
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            read_body(url)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert read_body(url) == b""


def test_a_full_disk_names_the_file_and_is_no_fault_of_the_server(
    liar: RawServer, tmp_path: Path
) -> None:
    liar.says(OK + b"Content-Length: 4\r\n\r\nbody")
    (tmp_path / "file").symlink_to("/dev/full")
    (tmp_path / "file.part").symlink_to("/dev/full")
    with pytest.raises(StorageError, match=r"file\.part cannot be written \(No space left"):
        download_from(liar, tmp_path / "file")
    assert len(liar.asked) == 1
