"""Prepare a set of pairs, or only decode it, and print what it took as JSON.

    python -m benchmarks.preparing RAW PREPARED
    python -m benchmarks.preparing RAW

The processes that preparing starts count as well: they are looked at every quarter of a second. The
time of the processor that these looks take is left out.
"""

import argparse
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Thread
from typing import Self

import psutil
from pydantic import TypeAdapter

from pipelines.repository.presets import preset_params
from pix2pix.cores import num_cores
from pix2pix.images.image import read_file
from pix2pix.preparation.prepare import prepare_pairs

PX = 256  # both sides of the pictures
_INTERVAL_S = 0.25
_PROJECT_DIR = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Effort:
    """What preparing or decoding took."""

    elapsed_s: float
    cpu_s: float  # of all threads and processes
    taken_mib: float  # peak of the memory of the processes alone, beyond what there was before

    @property
    def busy_share(self) -> float:
        """The share of the cores' time that was used."""
        return self.cpu_s / self.elapsed_s / num_cores()


EFFORT = TypeAdapter(Effort)


class _Watch:
    """Adds up the processor time and the memory of this process and of those that it starts."""

    def __init__(self) -> None:
        self._cpu_s: dict[int, float] = {}
        self._peak_bytes = 0
        self._own_s = 0.0  # of the thread that looks
        self._end = Event()
        self._thread = Thread(target=self._watch)
        self._look()
        self._before = (sum(self._cpu_s.values()), self._peak_bytes)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        self._look()

    @property
    def cpu_s(self) -> float:
        return sum(self._cpu_s.values()) - self._before[0] - self._own_s

    @property
    def taken_mib(self) -> float:
        return (self._peak_bytes - self._before[1]) / 2**20

    def _watch(self) -> None:
        while not self._end.wait(_INTERVAL_S):
            self._look()
        self._own_s = time.thread_time()

    def _look(self) -> None:
        num_bytes = 0
        this = psutil.Process()
        for process in (this, *this.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                self._cpu_s[process.pid] = times.user + times.system
                num_bytes += process.memory_full_info().uss
        self._peak_bytes = max(self._peak_bytes, num_bytes)


def _effort(function: Callable[[], object]) -> Effort:
    with _Watch() as watch:
        started_s = time.perf_counter()
        function()
        elapsed_s = time.perf_counter() - started_s
    return Effort(elapsed_s, watch.cpu_s, watch.taken_mib)


def _decode(raw: Path) -> None:
    with ThreadPoolExecutor(num_cores()) as pool:
        for _ in pool.map(read_file, sorted(path for path in raw.rglob("*") if path.is_file())):
            pass


def _prepare(raw: Path, prepared: Path) -> None:
    data = replace(
        preset_params("reference", _PROJECT_DIR).data,
        layout="side_by_side",
        load_size=PX,
        image_size=PX,
        group=None,
    )
    prepare_pairs(raw, prepared, data)


def main() -> None:
    """Do what the arguments say and print the effort."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("raw", type=Path)
    parser.add_argument("prepared", type=Path, nargs="?", help="where to write; none: only decode")
    options = parser.parse_args()
    if options.prepared is None:
        effort = _effort(lambda: _decode(options.raw))
    else:
        effort = _effort(lambda: _prepare(options.raw, options.prepared))
    sys.stdout.write(EFFORT.dump_json(effort).decode() + "\n")


if __name__ == "__main__":
    main()
