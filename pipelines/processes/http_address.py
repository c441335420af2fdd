"""Whether an HTTP server can be at an address that a user gave."""

from urllib.parse import urlsplit


def fault(url: str) -> str | None:
    """Why no server can be at `url`, None if one can be there.

    Nothing of the address is in the text: a part of it that is wrong may be one of a password.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets without an end, characters that no host has
        return "its host cannot be read"
    if parts.scheme not in ("http", "https"):
        return "it begins neither with http:// nor with https://"
    if not parts.hostname or " " in parts.hostname:
        return "its host is missing, or has a space in it"
    try:
        _ = parts.port
    except ValueError:
        return "its port is no number up to 65535"
    return None
