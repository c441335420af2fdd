"""The speed of a training."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from pix2pix.valid_pixels import PairBatch


@dataclass(frozen=True, slots=True)
class StepProgress:
    """The progress and the speed of an epoch, for a progress bar."""

    epoch: int
    batch: int  # finished batches of this epoch
    num_batches: int
    images_per_s: float  # over all ranks
    data_wait_share: float  # share of the time that was spent waiting for the loader


class Pace:
    """Measures the speed of an epoch from the time at which this process began it."""

    def __init__(self) -> None:
        self._started_s = time.perf_counter()
        self._waited_s = 0.0
        self._num_images = 0

    def next_batch(self, batches: Iterator[PairBatch]) -> PairBatch:
        """Return the next batch, and add the time that it took to the waiting time."""
        asked_s = time.perf_counter()
        batch = next(batches)
        self._waited_s += time.perf_counter() - asked_s
        return batch

    def count(self, num_images: int) -> None:
        """Add the number of images of a step, over all workers."""
        self._num_images += num_images

    def metrics(self) -> dict[str, float]:
        """Return images per second, share of time spent waiting, and seconds, for the history."""
        elapsed_s = time.perf_counter() - self._started_s
        return {
            "perf/images_per_s": self._num_images / elapsed_s,
            "perf/data_wait_share": self._waited_s / elapsed_s,
            "perf/epoch_s": elapsed_s,
        }

    def progress(self, epoch: int, batch: int, num_batches: int) -> StepProgress:
        """Return the progress after `batch` batches of the epoch."""
        speed = self.metrics()
        return StepProgress(
            epoch,
            batch,
            num_batches,
            speed["perf/images_per_s"],
            speed["perf/data_wait_share"],
        )
