"""A function over many files on all cores: in order, in bounded memory, with a progress bar."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
Result = TypeVar("Result")

# Results that wait for a slow predecessor; more would only cost memory.
_AHEAD_PER_WORKER = 4


def map_in_order(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    label: str,
    num_workers: int | None = None,
) -> Iterator[Result]:
    """Yield function(item) for each item, in order; `num_workers` None means one per core.

    Threads: decoding, hashing and resizing run outside the interpreter lock, so they scale as
    processes do, without the seconds each of those needs to start. The bar (stderr) is shown on
    terminals only. An exception of `function` ends the iteration; what has not begun is dropped.
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
