"""Servers that lie, wait, send endlessly and lead elsewhere: raw bytes over loopback sockets."""

import socket
import time
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError

import pytest

from pix2pix.errors import StorageError
from pix2pix.sources.download import download
from pix2pix.web import AddressError, ask, check_address
from tests.support.raw_server import RawServer

_OK = b"HTTP/1.1 200 OK\r\n"


def _body(url: str, *, timeout_s: float = 5.0) -> bytes:
    with ask(url, timeout_s=timeout_s) as answer:
        return b"".join(iter(answer.read, b""))


def _get(liar: RawServer, path: Path, *, timeout_s: float = 5.0, max_bytes: int = 10_000) -> None:
    download(liar.url, path, timeout_s=timeout_s, retry_pauses_s=(0.0, 0.0), max_bytes=max_bytes)


def _redirect(place: str, *, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} Moved\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n".encode()


def test_a_redirect_to_another_address_is_followed(liar: RawServer) -> None:
    liar.says(_redirect("/elsewhere"), _OK + b"Content-Length: 4\r\n\r\nbody")
    assert _body(liar.url) == b"body"
    assert b"GET /elsewhere " in liar.asked[1]


@pytest.mark.parametrize(
    "place",
    [
        "file:///etc/passwd",
        "FILE:/etc/passwd",
        "ftp://127.0.0.1/file",
        "data:text/plain,body",
        "gopher://127.0.0.1/",
        "http://[::1/",
        "http://127.0.0.1:port/",
        "http://user:secret@127.0.0.1/",
        "",
    ],
)
def test_a_redirect_to_what_is_no_plain_web_address_is_refused_at_once(
    liar: RawServer, tmp_path: Path, place: str
) -> None:
    liar.says(_redirect(place))
    with pytest.raises(ConnectionError, match=r"127\.0\.0\.1.*redirect") as caught:
        _get(liar, tmp_path / "file")
    assert len(liar.asked) == (6 if place == "" else 1)  # nowhere is the same address
    assert "secret" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_circle_of_redirects_ends(liar: RawServer, status: int) -> None:
    liar.says(_redirect(liar.url, status=status))
    with pytest.raises(AddressError, match="more than 5 redirects"):
        _body(liar.url)
    assert len(liar.asked) == 6


def test_the_body_of_a_redirect_is_not_read(liar: RawServer) -> None:
    """It has no end."""
    liar.answers = [
        lambda client: _send_for_ever(
            client, _redirect("/elsewhere").replace(b": 0", b": 99999999")
        ),
        lambda client: client.sendall(_OK + b"\r\nbody"),
    ]
    started_s = time.monotonic()
    assert _body(liar.url) == b"body"
    assert time.monotonic() - started_s < 3


def _send_for_ever(client: socket.socket, head: bytes, block: bytes = bytes(65536)) -> None:
    client.sendall(head)
    while True:
        client.sendall(block)


@pytest.mark.parametrize(
    "inside", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"]
)
def test_a_server_outside_does_not_lead_to_this_machine(
    liar: RawServer, inside: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = socket.getaddrinfo

    def resolved(host: str, *args: object, **options: object) -> object:
        if host == "mirror.example":
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 0))]
        return resolve(host, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{liar.port}")  # stands for the network
    liar.says(_redirect(f"http://{inside}:{liar.port}/secret"))
    with pytest.raises(AddressError, match="an address of this machine or network"):
        _body("http://mirror.example/file")
    assert len(liar.asked) == 1


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "/etc/passwd",
        "http:///file",
        "http://host:70000/",
        "http://host/a b",
        "http://host/\r\nX: y",
        "http://h\u00f6st/",
        "http://[/",
        "",
    ],
)
def test_what_is_no_web_address_is_named(url: str) -> None:
    with pytest.raises(AddressError, match="is not a web address"):
        check_address(url)


def test_an_address_with_a_password_is_refused_without_showing_it() -> None:
    with pytest.raises(AddressError, match="http://host/sets holds a user name") as caught:
        check_address("http://me:secret@host/sets?key=secret")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("head", "block"),
    [
        (b"", b"H"),
        (_OK, b"X"),
        (_OK + b"Content-Length: 5000\r\n\r\n", b"x"),
        (_OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (_OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1;"),
        (_OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"a: b\r\n"),
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
        _body(liar.url, timeout_s=0.15)
    assert time.monotonic() - started_s < 3


def test_a_file_without_end_is_left_where_it_is_too_large(liar: RawServer, tmp_path: Path) -> None:
    liar.answers = [lambda client: _send_for_ever(client, _OK + b"\r\n")]
    with pytest.raises(ConnectionError, match="more than the 10000 bytes"):
        _get(liar, tmp_path / "file")
    assert len(liar.asked) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_announced_too_large_is_not_begun(liar: RawServer, tmp_path: Path) -> None:
    liar.says(_OK + b"Content-Length: 10001\r\n\r\nx")
    with pytest.raises(ConnectionError, match="announces 10001 bytes"):
        _get(liar, tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("length", ["10", "-1", "\xb2", "1e3", "9" * 5000, "+5", "5, 5"])
def test_a_wrong_length_is_no_crash_and_nothing_cut_is_kept(
    liar: RawServer, tmp_path: Path, length: str
) -> None:
    """A length that cannot be read counts as none: then the file ends with the connection."""
    liar.says(_OK + f"Content-Length: {length}\r\n\r\nbody".encode("latin-1"))
    path = tmp_path / "file"
    if length == "10":
        with pytest.raises(ConnectionError, match="cut at byte 4 of 10"):
            _get(liar, path)
        assert not path.exists()
    else:
        _get(liar, path)
        assert path.read_bytes() == b"body"


@pytest.mark.parametrize("size", ["zz", "-5", "9" * 5000])
def test_a_chunk_of_absurd_length_is_a_cut(liar: RawServer, tmp_path: Path, size: str) -> None:
    liar.says(_OK + f"Transfer-Encoding: chunked\r\n\r\n{size}\r\nbody".encode())
    with pytest.raises(ConnectionError, match="gave up after 3 attempts"):
        _get(liar, tmp_path / "file")
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize(
    "spoken",
    ["bytes 5-9/10", f"bytes 0-9/{'9' * 5000}", "bytes 4-9/6", "bytes */10", "", "bytes 4-3/10"],
)
def test_a_part_that_does_not_continue_ours_is_never_joined(
    liar: RawServer, tmp_path: Path, spoken: str
) -> None:
    whole = _OK + b'ETag: "1"\r\nContent-Length: 10\r\n\r\n'
    part = f"HTTP/1.1 206 Part\r\nContent-Range: {spoken}\r\n\r\nother!".encode()
    liar.says(whole + b"0123", part, whole + b"0123456789")
    _get(liar, tmp_path / "file")
    expected = b"0123456789" if spoken != "bytes 4-3/10" else b"0123other!"
    assert (tmp_path / "file").read_bytes() == expected


def test_more_than_was_announced_is_not_appended(liar: RawServer, tmp_path: Path) -> None:
    whole = _OK + b'ETag: "1"\r\nContent-Length: 10\r\n\r\n'
    part = b'HTTP/1.1 206 Part\r\nETag: "1"\r\nContent-Range: bytes 4-9/10\r\n\r\n'
    liar.says(whole + b"0123", part + b"456789 and more", whole + b"0123456789")
    _get(liar, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"0123456789"


@pytest.mark.parametrize("tag", ['"a\r\n b"', '"' + "x" * 5000 + '"', '"\xe4"', '"\x01"'])
def test_an_etag_that_cannot_be_sent_back_is_not(liar: RawServer, tmp_path: Path, tag: str) -> None:
    head = _OK + f"ETag: {tag}\r\nContent-Length: 10\r\n\r\n".encode("latin-1")
    liar.says(head + b"0123", head + b"0123456789")
    _get(liar, tmp_path / "file")
    assert b"If-Range" not in liar.asked[1]
    assert (tmp_path / "file").read_bytes() == b"0123456789"


def test_a_server_s_words_do_not_command_the_terminal(liar: RawServer, tmp_path: Path) -> None:
    liar.says(b"HTTP/1.1 404 \x1b[2J gone\r\n\r\n")
    with pytest.raises(ConnectionError, match="answered 404") as caught:
        _get(liar, tmp_path / "file")
    assert "\x1b" not in str(caught.value)


def test_an_error_s_status_is_told(liar: RawServer) -> None:
    liar.says(b"HTTP/1.1 503 Busy\r\n\r\n")
    with pytest.raises(HTTPError, match="503"):
        _body(liar.url)


def test_a_full_disk_names_the_file_and_is_no_fault_of_the_server(
    liar: RawServer, tmp_path: Path
) -> None:
    liar.says(_OK + b"Content-Length: 4\r\n\r\nbody")
    (tmp_path / "file").symlink_to("/dev/full")
    (tmp_path / "file.part").symlink_to("/dev/full")
    with pytest.raises(StorageError, match=r"file\.part cannot be written \(No space left"):
        _get(liar, tmp_path / "file")
    assert len(liar.asked) == 1
