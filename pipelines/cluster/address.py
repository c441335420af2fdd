"""Which Ray cluster the environment names. Does not need Ray."""

import os


def named_address() -> str | None:
    """The address in `RAY_ADDRESS`; None if the variable is not set or empty.

    A shell sets it to an empty text where it shall name none, as in `RAY_ADDRESS= dvc repro`.
    """
    return os.environ.get("RAY_ADDRESS") or None
