"""Apply a function to many files in parallel, with results in order and a progress bar."""

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from itertools import chain
from typing import TypeVar

from tqdm import tqdm

from pix2pix.cores import num_cores
from pix2pix.errors import UserError
from pix2pix.preparation.processes import ProcessPool, apply_to_each
from pix2pix.read_ahead import read_ahead

Item = TypeVar("Item")
Result = TypeVar("Result")

# From so many items on, processes are faster than threads, although they need about a second to
# start. Decoding, hashing and resizing release the interpreter lock, but for what is left, threads
# on two cores wait for each other a fifth of the time.
_FEWEST_FOR_PROCESSES = 3000

# Each hand-over costs time, so several items are handed over at once. But the last run of few items
# would keep one thread busy and the others idle, so there are many runs.
_MAX_RUN = 4
_MAX_RUN_OF_PROCESS = 16
_RUNS_PER_WORKER = 16

# Bound the finished results that wait in memory for a slow earlier one.
_AHEAD_PER_THREAD = 4
_RUNS_AHEAD_PER_PROCESS = 2


def map_in_order(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    label: str,
    num_workers: int | None = None,
    in_threads: bool = False,
) -> Generator[Result, None, None]:
    """Yield function(item) for each item, in order; `num_workers` None means one per core.

    Few items are left to threads, and many to processes, unless `in_threads` says that the items
    share what `function` keeps in memory. For processes, `function`, its results and its
    exceptions must be picklable, and a script must have its calls under
    `if __name__ == "__main__":`, because each process imports it.

    The progress bar (stderr) appears only on a terminal. An exception of `function` ends the
    iteration; waiting calls are cancelled. Raises UserError if a process ends unexpectedly.
    """
    num_workers = num_workers or num_cores()
    if len(items) >= _FEWEST_FOR_PROCESSES and num_workers > 1 and not in_threads:
        results = read_ahead(
            apply_to_each,
            _runs(items, _MAX_RUN_OF_PROCESS),
            pool=ProcessPool(function, num_workers),
            num_ahead=num_workers * _RUNS_AHEAD_PER_PROCESS,
        )
    else:
        size = min(_MAX_RUN, 1 + len(items) // (num_workers * _RUNS_PER_WORKER))
        results = read_ahead(
            lambda run: [function(item) for item in run],
            _runs(items, size),
            pool=ThreadPoolExecutor(num_workers),
            num_ahead=num_workers * _AHEAD_PER_THREAD // size,
        )
    with closing(results), tqdm(total=len(items), desc=label, unit="pair", disable=None) as bar:
        try:
            for result in chain.from_iterable(results):
                yield result
                bar.update()
        except BrokenProcessPool:
            raise UserError(
                f"{label}: a process that read images ended unexpectedly. If it has not said why, "
                "most likely the memory was full: close other programs or take a machine with "
                "more memory, and run again"
            ) from None


def _runs(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """Divide items into runs of `size`, of which the last may be shorter."""
    return (items[first : first + size] for first in range(0, len(items), size))
