"""Addresses that are none, and servers that lead elsewhere."""

import socket
import time
from pathlib import Path

import pytest

from pix2pix import web_address
from pix2pix.web_address import AddressError, check_address, redirected
from tests.support.raw_server import OK, RawServer, download_from, read_body, send_for_ever


def _redirect(place: str, *, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} Moved\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n".encode()


def test_a_redirect_to_another_address_is_followed(liar: RawServer) -> None:
    liar.says(_redirect("/elsewhere"), OK + b"Content-Length: 4\r\n\r\nbody")
    assert read_body(liar.url) == b"body"
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
        download_from(liar, tmp_path / "file")
    assert len(liar.asked) == (6 if place == "" else 1)  # nowhere is the same address
    assert "secret" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_circle_of_redirects_ends(liar: RawServer, status: int) -> None:
    liar.says(_redirect(liar.url, status=status))
    with pytest.raises(AddressError, match="more than 5 redirects"):
        read_body(liar.url)
    assert len(liar.asked) == 6


def test_the_body_of_a_redirect_is_not_read(liar: RawServer) -> None:
    """It has no end."""
    liar.answers = [
        lambda client: send_for_ever(
            client, _redirect("/elsewhere").replace(b": 0", b": 99999999")
        ),
        lambda client: client.sendall(OK + b"\r\nbody"),
    ]
    started_s = time.monotonic()
    assert read_body(liar.url) == b"body"
    assert time.monotonic() - started_s < 3


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
        read_body("http://mirror.example/file")
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


def test_a_redirect_does_not_lead_to_a_connection_without_encryption() -> None:
    place = "https://192.0.2.1/file"
    assert redirected(place, "/other") == "https://192.0.2.1/other"
    with pytest.raises(AddressError, match=r"http://192\.0\.2\.1/file, which is not encrypted"):
        redirected(place, "http://192.0.2.1/file")


def test_a_name_with_a_public_and_an_own_address_is_one_of_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both = [(socket.AF_INET, 1, 6, "", (each, 0)) for each in ("93.184.215.14", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: both)
    assert web_address._is_inside("mirror.example")


def test_an_address_with_a_login_is_refused_without_showing_it() -> None:
    with pytest.raises(AddressError, match="http://host/sets holds a user name"):
        check_address("http://token@host/sets")


def test_an_address_with_a_password_is_refused_without_showing_it() -> None:
    with pytest.raises(AddressError, match="http://host/sets holds a user name") as caught:
        check_address("http://me:secret@host/sets?key=secret")
    assert "secret" not in str(caught.value)
