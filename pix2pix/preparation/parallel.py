"""Apply a function to many files in parallel, with results in order and a progress bar."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import chain
from typing import TypeVar

from tqdm import tqdm

from pix2pix.cores import num_cores
from pix2pix.data.read_ahead import read_ahead

Item = TypeVar("Item")
Result = TypeVar("Result")

# Bounds the finished results that wait in memory for a slow earlier one.
_AHEAD_PER_WORKER = 4

# Each hand-over between threads costs time in which no other Python code runs, so a thread takes
# several items at once. But the last run of few items would keep one thread busy and the others
# idle, so there are many runs.
_MAX_RUN = 4
_RUNS_PER_WORKER = 16


def map_in_order(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    label: str,
    num_workers: int | None = None,
) -> Iterator[Result]:
    """Yield function(item) for each item, in order; `num_workers` None means one per core.

    It uses threads: decoding, hashing and resizing release the interpreter lock, so threads are as
    fast as processes, which would need seconds to start. The progress bar (stderr) appears only on
    a terminal. An exception of `function` ends the iteration; waiting calls are cancelled.
    """
    num_workers = num_workers or num_cores()
    size = min(_MAX_RUN, 1 + len(items) // (num_workers * _RUNS_PER_WORKER))
    results = read_ahead(
        lambda run: [function(item) for item in run],
        [items[first : first + size] for first in range(0, len(items), size)],
        num_threads=num_workers,
        num_ahead=num_workers * _AHEAD_PER_WORKER // size,
    )
    with closing(results), tqdm(total=len(items), desc=label, unit="pair", disable=None) as bar:
        for result in chain.from_iterable(results):
            yield result
            bar.update()
