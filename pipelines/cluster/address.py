"""Which Ray cluster the environment names, and whether anything answers there. Needs no Ray."""

import os
import socket
from urllib.parse import urlsplit

_TIMEOUT_S = 10.0


def named_cluster() -> str | None:
    """Return the address in RAY_ADDRESS; None if it is not set or empty.

    In a shell, `RAY_ADDRESS= dvc repro` empties it for one command.
    """
    return os.environ.get("RAY_ADDRESS") or None


def reach(address: str) -> None:
    """Return if something listens at `address`, `host:port`; others, such as auto, are not asked.

    Raises ConnectionError after seconds, where Ray would try for minutes without a word, and
    ValueError if the port is none.
    """
    parts = urlsplit(f"//{address}")
    if parts.hostname is None or parts.port is None:
        return
    try:
        socket.create_connection((parts.hostname, parts.port), _TIMEOUT_S).close()
    except OSError as error:
        raise ConnectionError(
            f"the Ray cluster at {address} (RAY_ADDRESS or train.ray_address) does not answer: "
            f"{error}; start it, name another one, or none to use this machine alone"
        ) from None
