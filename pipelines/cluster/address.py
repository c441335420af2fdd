"""Which Ray cluster the environment names. Does not need Ray."""

import os


def named_cluster() -> str | None:
    """Return the address in RAY_ADDRESS; None if it is not set or empty."""
    return os.environ.get("RAY_ADDRESS") or None
