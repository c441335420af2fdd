"""Apply a function in threads to more items than the caller has asked for, in order."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def read_ahead(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    num_threads: int,
    num_ahead: int,
) -> Generator[Result, None, None]:
    """Yield function(item) for each item, in order; without threads it is called when asked for.

    `num_ahead` bounds the calls that have begun or are finished beyond the result that the caller
    has. An exception of `function` ends the iteration. Ending or closing the iterator cancels the
    waiting calls and waits for those that have begun.
    """
    if not num_threads:
        yield from map(function, items)
        return
    pending: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(num_threads)
    try:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) > num_ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
