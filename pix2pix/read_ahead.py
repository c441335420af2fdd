"""Apply a function to more items than the caller has asked for, in order."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor, Future
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def read_ahead(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    pool: Executor | None,
    num_ahead: int,
) -> Generator[Result, None, None]:
    """Yield function(item) for each item, in order; without a pool it is called when asked for.

    `num_ahead` bounds the calls that have begun or are finished beyond the result that the caller
    has. An exception of `function` ends the iteration. Ending or closing the iterator cancels the
    waiting calls, waits for those that have begun, and shuts the pool down.
    """
    if pool is None:
        yield from map(function, items)
        return
    pending: deque[Future[Result]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) > num_ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
