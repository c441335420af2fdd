"""`pix2pix serve` over thousands of requests, with killed replicas and new champions in between."""

import itertools
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from pix2pix.config import Params
from tests.support.serve_process import ServeProcess, new_registry, serving
from tests.support.served_models import label_maps

pytestmark = [pytest.mark.soak, pytest.mark.server, pytest.mark.timeout(1800)]

_MIB = 2**20
_NUM_CLIENTS = 8

logger = logging.getLogger(__name__)


def memory_mib(served: ServeProcess) -> float:
    """Resident memory of the processes that hold the model and of the one that speaks HTTP."""
    processes = [*served.replicas(), *served.replicas("http")]
    return sum(each.memory_info().rss for each in processes) / _MIB


def ask(served: ServeProcess, num_requests: int) -> set[str]:
    """Translate at once what is drawn anew each time; the versions that have answered."""
    images = itertools.islice(itertools.cycle(label_maps(50, 20)), num_requests)

    def version(image: object) -> str:
        answer = served.translate(image)
        assert answer.status_code == 200, answer.text
        assert served.is_right(image, answer)
        return str(answer.headers["x-model-version"])

    with ThreadPoolExecutor(_NUM_CLIENTS) as threads:
        return set(threads.map(version, images))


def test_two_thousand_requests_leave_the_memory_as_it_was(
    tmp_path: Path, default_params: Params
) -> None:
    registry = new_registry(tmp_path, default_params)
    with serving(registry, tmp_path, "--min-replicas", "2") as served:
        ask(served, 500)  # each thread gets its own memory once
        before = memory_mib(served)
        ask(served, 2000)
        after = memory_mib(served)
    logger.info("%.0f MiB before, %.0f MiB after 2,000 requests", before, after)
    assert after - before < 50


def test_killed_replicas_and_new_champions_lose_no_request(
    tmp_path: Path, default_params: Params
) -> None:
    registry = new_registry(tmp_path, default_params)
    with serving(registry, tmp_path, "--min-replicas", "2") as served:
        is_over = threading.Event()

        def disturb() -> int:
            number = 0
            for number in itertools.count():
                if is_over.wait(8):
                    return number
                if number % 2:
                    registry.promote("1" if number % 4 == 1 else "2")
                else:
                    _kill_one(served.replicas())
            return number

        with ThreadPoolExecutor(1) as other:
            disturbing = other.submit(disturb)
            try:
                versions = ask(served, 2000)
            finally:
                is_over.set()
            assert disturbing.result() >= 4
    assert versions == {"1", "2"}


def _kill_one(replicas: list[psutil.Process]) -> None:
    if replicas:
        replicas[0].kill()
