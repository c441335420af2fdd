"""Who may ask: whoever has the token, or without a token this machine alone."""

import hashlib
import hmac
import ipaddress
import os
from http import HTTPStatus

from fastapi import HTTPException, Request

from pix2pix.errors import UserError

TOKEN_VARIABLE = "PIX2PIX_SERVE_TOKEN"
_PLACEHOLDER = "change-me"  # in deploy/kuberay/settings.yaml, which everybody can read


def token_digest() -> bytes | None:
    """The SHA-256 of the token in the environment; None without a token.

    Raises UserError, without any part of the token, if no client can send it as it is, or if it is
    the placeholder of settings.yaml.
    Ray gets only this digest, as it keeps the arguments of its processes in its own store.
    """
    token = os.environ.get(TOKEN_VARIABLE)
    if token == _PLACEHOLDER:
        raise UserError(
            f"{TOKEN_VARIABLE} still has the value that the project's settings.yaml shows to "
            "everybody; set a secret of your own, for example of `openssl rand -hex 16`"
        )
    if token and not (token.isascii() and token.isprintable() and token == token.strip()):
        raise UserError(
            f"the value of {TOKEN_VARIABLE} has spaces or a line break around it, or characters "
            "beyond ASCII, so no client could send it; use printable ASCII characters"
        )
    return hashlib.sha256(token.encode()).digest() if token else None


def check_address(host: str, digest: bytes | None) -> None:
    """Raise UserError if others could reach the address and no token is set."""
    if digest is None and not is_loopback(host):
        raise UserError(
            f"--host {host} can be reached from other machines; set {TOKEN_VARIABLE} to a secret "
            "that clients send as `Authorization: Bearer ...`, or leave --host out"
        )


def is_loopback(host: str) -> bool:
    """Whether an address or a name is of this machine alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return False


class Access:
    """A FastAPI dependency that refuses whoever may not ask."""

    def __init__(self, digest: bytes | None) -> None:
        self._digest = digest

    def __call__(self, request: Request) -> None:
        """Raise HTTPException 401 without the right token, 403 where there is none to have."""
        if self._digest is None:
            self._check_is_local(request)
            return
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        given = hashlib.sha256(token.strip().encode()).digest()
        # Of digests, in constant time: the time of an answer tells nothing about the token.
        if not hmac.compare_digest(given, self._digest) or scheme.lower() != "bearer":
            raise HTTPException(
                HTTPStatus.UNAUTHORIZED,
                "send the server's token as `Authorization: Bearer TOKEN`",
                headers={"WWW-Authenticate": "Bearer"},
            )

    def _check_is_local(self, request: Request) -> None:
        """Also of the name that the client used: a page of a stranger could point its own here."""
        client = request.client.host if request.client else ""
        name = request.url.hostname or ""
        if not (is_loopback(client) and is_loopback(name)):
            raise HTTPException(
                HTTPStatus.FORBIDDEN, "this server has no token, so it answers its own machine only"
            )
