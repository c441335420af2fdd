"""The lines of text that show how far a training is."""

import itertools
import re
import statistics
from collections.abc import Mapping, Sequence

from pipelines.processes.duration import duration

_PROGRESS = re.compile(r"epoch (\d+)/(\d+)(?:, step (\d+)/(\d+)|: )")
_RECENT = 5  # epochs from which the remaining time is estimated
_MUCH_WAITING = 0.05  # a share of the time from which waiting for data is shown


def progress_line(epoch: int, num_epochs: int, *, batch: int, num_batches: int) -> str:
    """The line for `batch` batches done in `epoch`, which counts from 0.

    >>> progress_line(0, 2, batch=5, num_batches=10)
    'epoch 1/2, step 5/10'
    """
    return f"epoch {epoch + 1}/{num_epochs}, step {batch}/{num_batches}"


def speed(images_per_s: float, data_wait_share: float) -> str:
    """The speed of a training, with the share of the time that it waits for data, if it is large.

    >>> speed(3.14, 0.01), speed(31.4, 0.25)
    ('3.1 img/s', '31.4 img/s (25% of the time waiting for data)')
    """
    waiting = f" ({data_wait_share:.0%} of the time waiting for data)"
    return f"{images_per_s:.1f} img/s{waiting if data_wait_share >= _MUCH_WAITING else ''}"


def epoch_line(history: Sequence[Mapping[str, float]], num_epochs: int, *, is_best: bool) -> str:
    """The line for the epoch that the last record of `history` is of.

    `is_best`: its networks have the lowest dev L1 so far.
    """
    record = history[-1]
    dev = f"dev L1 {record['dev/l1']:.4f}{' (best so far)' if is_best else ''}"
    if record["epoch"] == 0:
        return f"before training: {dev}"
    left = "the last one" if record["epoch"] == num_epochs else _left(history, num_epochs)
    parts = [
        dev,
        f"train L1 {record['train/l1']:.4f}",
        f"G: adversarial {record['train/loss_g_adversarial']:.3f}",
        f"D: {record['train/loss_d']:.3f}",
        speed(record["perf/images_per_s"], record["perf/data_wait_share"]),
        left,
    ]
    return f"epoch {record['epoch']:.0f}/{num_epochs}: {', '.join(filter(None, parts))}"


def _left(history: Sequence[Mapping[str, float]], num_epochs: int) -> str:
    """The time left, by the median of the last epochs, which an interruption hardly changes.

    Empty if there is one epoch alone, and it was interrupted: from when this process went on with
    it, it took less than half of the time.
    """
    times_s = [record["time_s"] for record in history[-_RECENT - 1 :]]
    epochs_s = [after - before for before, after in itertools.pairwise(times_s)]
    if len(epochs_s) == 1 and epochs_s[0] > 2 * history[-1]["perf/epoch_s"]:
        return ""
    left_s = (num_epochs - history[-1]["epoch"]) * statistics.median_low(epochs_s)
    return f"{duration(left_s)} left"


def share_done(line: str) -> float | None:
    """The share of a training, in [0, 1], that is done according to `line`; None for other lines.

    >>> share_done("INFO epoch 1/2, step 5/10, 3.1 img/s")
    0.25
    >>> share_done("INFO epoch 1/2: dev L1 0.1000")
    0.5
    """
    match = _PROGRESS.search(line)
    if match is None:
        return None
    epoch, num_epochs = int(match[1]), int(match[2])
    if match[3] is None:
        return epoch / num_epochs
    return (epoch - 1 + int(match[3]) / int(match[4])) / num_epochs
