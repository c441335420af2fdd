"""How fast a training goes."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class StepProgress:
    """How far an epoch is and how fast it goes, for a progress bar."""

    epoch: int
    batch: int  # finished batches of this epoch
    num_batches: int
    images_per_s: float  # over all ranks
    data_wait_share: float  # of the time, waiting for the loader


class Pace:
    """How fast an epoch goes, since this process began it."""

    def __init__(self) -> None:
        self._started_s = time.perf_counter()
        self._waited_s = 0.0
        self._num_images = 0

    def next_batch(self, batches: Iterator[Any]) -> Any:
        """Wait for a batch, and add the time to that of all waits."""
        asked_s = time.perf_counter()
        batch = next(batches)
        self._waited_s += time.perf_counter() - asked_s
        return batch

    def count(self, num_images: int) -> None:
        """Add the images of a step, of all workers."""
        self._num_images += num_images

    def metrics(self) -> dict[str, float]:
        """The speed, as it is recorded in the history."""
        elapsed_s = time.perf_counter() - self._started_s
        return {
            "perf/images_per_s": self._num_images / elapsed_s,
            "perf/data_wait_share": self._waited_s / elapsed_s,
            "perf/epoch_s": elapsed_s,
        }

    def progress(self, epoch: int, batch: int, num_batches: int) -> StepProgress:
        """The same numbers for a progress bar, after `batch` batches of the epoch."""
        speed = self.metrics()
        return StepProgress(
            epoch,
            batch,
            num_batches,
            speed["perf/images_per_s"],
            speed["perf/data_wait_share"],
        )
