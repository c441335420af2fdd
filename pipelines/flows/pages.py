"""Answers of Prefect's server that come in pages, of 200 objects unless it is set otherwise."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

_Found = TypeVar("_Found")


def all_pages(read: Callable[[int], Sequence[_Found]]) -> Iterator[_Found]:
    """All objects that `read` finds; it is given the number of those to leave out."""
    num_read = 0
    while page := read(num_read):
        yield from page
        num_read += len(page)
