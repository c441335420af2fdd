"""Functions are applied to many items in threads, and the results keep their order."""

import itertools
import threading

import pytest

from pix2pix.preparation.parallel import map_in_order


@pytest.mark.parametrize("num_items", [0, 1, 31, 32, 33, 63, 64, 65, 200])
def test_results_come_in_the_order_of_the_items(num_items: int) -> None:
    items = range(num_items)
    assert list(map_in_order(str, items, label="", num_workers=2)) == [str(item) for item in items]


def test_few_items_keep_all_threads_busy() -> None:
    all_busy = threading.Barrier(4)

    def wait_for_the_others(item: int) -> int:
        all_busy.wait(timeout=30)
        return item

    results = map_in_order(wait_for_the_others, range(4), label="", num_workers=4)
    assert list(results) == [0, 1, 2, 3]


def test_few_results_wait_in_memory_for_the_caller() -> None:
    num_begun = itertools.count()
    results = map_in_order(lambda _: next(num_begun), range(1000), label="", num_workers=2)
    next(results)
    results.close()
    assert next(num_begun) <= 12  # what the caller has, and 4 for each worker beyond it


def test_an_error_ends_the_results() -> None:
    results = map_in_order(lambda item: 1 // (100 - item), range(1000), label="", num_workers=2)
    with pytest.raises(ZeroDivisionError):
        list(results)
