"""Answers of web servers, none of which is trusted.

Which addresses are asked, `web_address` says. A server that keeps a connection open and sends next
to nothing is left, wherever in its answer it does so.
"""

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from http.client import HTTPException, HTTPMessage, HTTPResponse
from typing import Any, Self
from urllib.error import HTTPError
from urllib.request import (
    AbstractHTTPHandler,
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from pix2pix.web_address import AddressError, check_address, redirected

_CHUNK_BYTES = 1 << 18
_MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Slower than a modem: nothing that is downloaded here would ever be complete.
_MIN_BYTES_PER_S = 1024
_SILENCES_PER_WINDOW = 2  # so that plain silence is told as such, by the socket itself


class Answer:
    """A server's answer with status 2xx; its body has not been read yet."""

    def __init__(self, response: HTTPResponse, watch: "_Watch") -> None:
        self._response, self._watch = response, watch

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._response.status

    @property
    def headers(self) -> HTTPMessage:
        """The header fields."""
        return self._response.headers

    def read(self) -> bytes:
        """What has arrived by now, empty at the end. Raises OSError or HTTPException."""
        with self._watch.told():
            try:
                chunk = self._response.read1(_CHUNK_BYTES)
            except ValueError as error:  # the length of a chunk is no number that int takes
                raise HTTPException(str(error)) from error
        self._watch.num_bytes += len(chunk)
        return chunk


@contextmanager
def ask(
    url: str, *, timeout_s: float, headers: Mapping[str, str] | None = None
) -> Iterator[Answer]:
    """GET `url`, following redirects; `timeout_s` is the longest silence of the server.

    Raises AddressError, HTTPError for statuses that are neither success nor redirect, and OSError
    or HTTPException for what may be different a moment later. The body is read by the caller, who
    decides how much of it is too much.
    """
    with _Watch(_SILENCES_PER_WINDOW * timeout_s) as watch, ExitStack() as stack:
        with watch.told():
            response = stack.enter_context(
                _follow(url, dict(headers or {}), watch=watch, timeout_s=timeout_s)
            )
        yield Answer(response, watch)


def _follow(url: str, headers: dict[str, str], *, watch: "_Watch", timeout_s: float) -> Any:
    """The answer behind at most five redirects."""
    opener, place = _opener(watch), url
    check_address(place)
    for _ in range(_MAX_REDIRECTS + 1):
        try:
            return opener.open(Request(place, headers=headers), timeout=timeout_s)
        except HTTPError as error:
            # Its body is not read: it may have no end.
            error.close()
            if error.code not in _REDIRECTS:
                raise
            place = redirected(place, error.headers.get("Location", ""))
    raise AddressError(f"{url}: more than {_MAX_REDIRECTS} redirects; check the address")


class _Watch:
    """Ends a connection through which too little comes, from another thread.

    A socket's own time limit starts anew with each byte.
    """

    def __init__(self, window_s: float) -> None:
        self.num_bytes = 0
        self.socket: socket.socket | None = None
        self._window_s, self._is_cut = window_s, False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    @contextmanager
    def told(self) -> Iterator[None]:
        """Raise TimeoutError for whatever the end of the connection looks like inside."""
        slow = TimeoutError(
            f"slower than {_MIN_BYTES_PER_S} bytes per second over {self._window_s:g} s"
        )
        try:
            yield
        except (OSError, HTTPException):
            if self._is_cut:
                raise slow from None
            raise
        if self._is_cut:
            raise slow

    def _look(self) -> None:
        before = 0
        while not self._ended.wait(self._window_s):
            if self.socket and self.num_bytes - before < _MIN_BYTES_PER_S * self._window_s:
                self._is_cut = True
                with suppress(OSError):
                    # Not TLS's own: it would forget the connection that is being read.
                    socket.socket.shutdown(self.socket, socket.SHUT_RDWR)
                return
            before = self.num_bytes


def _opener(watch: _Watch) -> OpenerDirector:
    """HTTP, HTTPS and the proxies that the environment names; no files, no FTP, no redirects."""
    opener = OpenerDirector()
    for handler in (
        ProxyHandler(),
        _Web(watch),
        HTTPDefaultErrorHandler(),
        HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


class _Connection(http.client.HTTPConnection):
    def __init__(self, *arguments: Any, watch: _Watch, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._watch = watch

    def connect(self) -> None:
        super().connect()
        self._watch.socket = self.sock


class _SecureConnection(_Connection, http.client.HTTPSConnection):
    pass


class _Web(AbstractHTTPHandler):
    """HTTP and HTTPS over connections that are watched."""

    def __init__(self, watch: _Watch) -> None:
        super().__init__()
        self._watch = watch

    http_request = https_request = AbstractHTTPHandler.do_request_

    def http_open(self, req: Request) -> HTTPResponse:
        return self.do_open(partial(_Connection, watch=self._watch), req)

    def https_open(self, req: Request) -> HTTPResponse:
        context = ssl.create_default_context()
        return self.do_open(partial(_SecureConnection, watch=self._watch), req, context=context)
