"""Whether an address that a user gave is one of HTTP, and whether a server can be there."""

from urllib.parse import urlsplit


def is_http(address: str) -> bool:
    """Whether the address begins as one of HTTP or HTTPS does, in upper or lower case."""
    return address.partition(":")[0].lower() in ("http", "https")


def fault(url: str) -> str | None:
    """Why no server can be at `url`, None if one can be there.

    Nothing of the address is in the text: a part of it that is wrong may be one of a password.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets without an end, characters that no host has
        return "its host cannot be read"
    if not is_http(url):
        return "it begins neither with http:// nor with https://"
    if not parts.hostname or " " in parts.hostname:
        return "its host is missing, or has a space in it"
    try:
        _ = parts.port
    except ValueError:
        return "its port is no number up to 65535"
    return None
