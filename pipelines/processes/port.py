"""Whether a server could listen at an address."""

import socket


def try_port(host: str, port: int) -> None:
    """Raise OSError if nothing can listen at this port of `host`: another process may do so."""
    family = socket.getaddrinfo(host, port)[0][0]
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
