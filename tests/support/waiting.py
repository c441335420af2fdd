"""Waiting for what another thread or process does."""

import time
from collections.abc import Callable


def until(condition: Callable[[], object]) -> None:
    """Wait; a condition that never comes true ends as the test's time limit."""
    while not condition():
        time.sleep(0.02)
