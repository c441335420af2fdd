"""Apply a function to many files in parallel, with results in order and a progress bar."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
Result = TypeVar("Result")

# Bounds the finished results that wait in memory for a slow earlier one.
_AHEAD_PER_WORKER = 4


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
    pending: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(num_workers)
    try:
        with tqdm(total=len(items), desc=label, unit="pair", disable=None) as bar:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) > num_workers * _AHEAD_PER_WORKER:
                    yield pending.popleft().result()
                    bar.update()
            while pending:
                yield pending.popleft().result()
                bar.update()
    finally:
        pool.shutdown(cancel_futures=True)


def num_cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
