"""How a training says in one line of text how far it is, and how that line is read again."""

import re

_PLACE = re.compile(r"epoch (\d+)/(\d+), step (\d+)/(\d+)")


def progress_line(epoch: int, num_epochs: int, *, batch: int, num_batches: int) -> str:
    """The line for `batch` batches done in `epoch`, which counts from 0.

    >>> progress_line(0, 2, batch=5, num_batches=10)
    'epoch 1/2, step 5/10'
    """
    return f"epoch {epoch + 1}/{num_epochs}, step {batch}/{num_batches}"


def share_done(line: str) -> float | None:
    """The share of a training, in [0, 1], that `line` says is done; None if it says nothing.

    >>> share_done("INFO epoch 1/2, step 5/10, 3.1 img/s")
    0.25
    """
    match = _PLACE.search(line)
    if match is None:
        return None
    epoch, num_epochs, batch, num_batches = map(int, match.groups())
    return (epoch - 1 + batch / num_batches) / num_epochs
