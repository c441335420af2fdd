"""Addresses of the web: which ones are asked, and to which ones a server may redirect.

Only HTTP and HTTPS are spoken. A redirect does not lead to another protocol, from HTTPS to HTTP, or
from outside into the own machine or network.
"""

import ipaddress
import socket
import string
from urllib.parse import quote, urljoin, urlsplit


class AddressError(ConnectionError):
    """A web address that is none, or that a server may not send us to. Asking again is no use."""


def check_address(url: str) -> None:
    """Raise AddressError, without its password, unless `url` is a web address without one."""
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError as error:  # a port that is no number
        raise AddressError(f"{_bare(url)} is not a web address: {error}") from None
    if not is_usable or not url.isascii() or not url.isprintable() or " " in url:
        raise AddressError(
            f"{_bare(url)} is not a web address: it must begin with http:// or https:// and a "
            "server's name, and consist of ASCII characters without blanks"
        )
    if "@" in parts.netloc:
        raise AddressError(
            f"{_bare(url)} holds a user name or a password, which would end up in logs and "
            "reports; use an address that needs none"
        )


def redirected(place: str, location: str) -> str:
    """Where the server at `place` sends us. Raises AddressError if it may not."""
    spoken = quote(location, encoding="iso-8859-1", safe=string.punctuation)
    try:
        target = urljoin(place, spoken)
        check_address(target)
    except ValueError as error:
        raise AddressError(f"{_bare(place)} redirects to no web address: {error}") from None
    except AddressError as error:
        raise AddressError(f"{_bare(place)} redirects: {error}") from None
    old, new = urlsplit(place), urlsplit(target)
    if (old.scheme, new.scheme) == ("https", "http"):
        raise AddressError(f"{_bare(place)} redirects to {_bare(target)}, which is not encrypted")
    if _is_inside(new.hostname) and not _is_inside(old.hostname):
        raise AddressError(
            f"{_bare(place)} redirects to {_bare(target)}, an address of this machine or network"
        )
    return target


def _is_inside(host: str | None) -> bool:
    """Whether a name stands for this machine or its network; False if it cannot be resolved."""
    try:
        found = socket.getaddrinfo(host, None)
    except (OSError, UnicodeError):  # a proxy may know it
        return False
    return any(not _is_public(str(address[0])) for *_, address in found)


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    inner = getattr(address, "ipv4_mapped", None) or address
    return bool(inner.is_global)


def _bare(url: str) -> str:
    """The address as it may be printed: without login, query (often a signature) and controls."""
    scheme, _, rest = url.partition("://")
    place = rest.partition("?")[0].partition("#")[0]
    host, slash, path = place.partition("/")
    text = f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
    return text if text.isprintable() else ascii(text)
