"""Pairs per second of the input path, beside the published loader, and the memory that it takes.

    python -m benchmarks.input_path --out build/input-path.json

Files of 600 px, as in the published maps set, are prepared at 286 px and cropped to 256 px. `host`
counts batches of stored values in the memory of the host, from where a GPU copies them; `CPU`
counts the same batches as float32 in [-1, 1] on a CPU, as the published loader returns them.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import cycle, islice
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import psutil
import torch
from pydantic import TypeAdapter

from benchmarks.drawn_files import train_paths, write_pairs
from benchmarks.published_loader import published_loader
from benchmarks.rows import Ceilings, Row
from benchmarks.workload import preset
from pipelines.training.batches import train_augmentation
from pix2pix.config import Params
from pix2pix.data.batch import Batch
from pix2pix.data.loader import TrainBatches
from pix2pix.data.manifest import load_manifest
from pix2pix.data.prepared import open_split
from pix2pix.preparation.prepare import prepare_pairs

TOPIC = "input path"
_COMMAND = "python -m benchmarks.input_path --out build/input-path.json"
_NUM_PAIRS = 200
_FILE_PX, _LOAD_PX, _CROP_PX = 600, 286, 256
_BATCH_SIZES = (1, 16, 64)
_THREADS = (0, 2)
_PUBLISHED_WORKERS = (0, 2, 4)
_ROUNDS = 3
# An epoch of the published loader has so many batches per process: the last batches, which some
# processes no longer have, then count for little.
_PUBLISHED_BATCHES = 8
_PUBLISHED_LEAST_PAIRS = 64
_LEAST_S = 0.4  # of a measurement of ours
_MIB = 2**20
# On this device tensors have no values: everything happens but the conversion on the device.
_HOST = torch.device("meta")
_CPU = torch.device("cpu")
_PREDICTED = {
    "host": "8,000 without threads (albumentations' Compose 70 us, copies 30 us, rest 25 us)",
    "CPU": "3,000 at batch 1, 2,000 at batch 64 (memory 9.6 GB/s)",
}


@dataclass(frozen=True, slots=True)
class _Files:
    """What is read: image files, and the arrays prepared from them."""

    paths: Sequence[Path]
    prepared_dir: Path
    params: Params


def measured_rows(ceilings: Ceilings | None = None) -> list[Row]:
    """Measure; without ceilings the rows have no limit."""
    with tempfile.TemporaryDirectory() as folder:
        files = _prepared(Path(folder))
        return [
            *(row for size in _BATCH_SIZES for row in _rates(files, size, ceilings)),
            *_memory_rows(files),
        ]


def _prepared(folder: Path) -> _Files:
    paths = write_pairs(folder / "raw", num_pairs=_NUM_PAIRS, size_px=_FILE_PX)
    params = preset("reference")
    data = replace(
        params.data, layout="side_by_side", load_size=_LOAD_PX, image_size=_CROP_PX, group=None
    )
    prepare_pairs(folder / "raw", folder / "prepared", data)
    return _Files(train_paths(paths), folder / "prepared", replace(params, data=data))


def _rates(files: _Files, batch_size: int, ceilings: Ceilings | None) -> list[Row]:
    """The rows of one batch size. Ours and the published loader are measured in turn."""
    ours: dict[tuple[str, int], list[float]] = {}
    published: dict[int, list[float]] = {workers: [] for workers in _PUBLISHED_WORKERS}
    for _ in range(_ROUNDS):
        for workers, rates in published.items():
            rates.append(_published_rate(files.paths, batch_size, workers))
        for device, name in ((_HOST, "host"), (_CPU, "CPU")):
            for threads in _THREADS:
                rate = _rate(files, batch_size=batch_size, threads=threads, device=device)
                ours.setdefault((name, threads), []).append(rate)
    by_workers = {workers: median(rates) for workers, rates in published.items()}
    best = max(by_workers, key=lambda workers: by_workers[workers])
    each = ", ".join(f"{workers}: {rate:.0f}" for workers, rate in by_workers.items())
    return [
        Row(
            topic=TOPIC,
            name=f"{_LOAD_PX} to {_CROP_PX} px, {where}, batch {batch_size}, {threads} threads",
            value=median(rates),
            unit="pairs/s",
            command=_COMMAND,
            plain=by_workers[best],
            plain_is=f"published loader, {best} workers",
            limit=_limit(ceilings, where),
            limit_is="memory bandwidth",
            predicted=_PREDICTED[where],
            note=f"published loader at batch {batch_size} by number of workers: {each}",
        )
        for (where, threads), rates in ours.items()
    ]


def _limit(ceilings: Ceilings | None, where: str) -> float | None:
    """Pairs per second if nothing but reading and writing each value took time."""
    if ceilings is None:
        return None
    num_values = 2 * 3 * _CROP_PX**2
    moved = 2 if where == "host" else 2 + 1 + 4  # bytes: uint8 copied, then read, float32 written
    return ceilings.memory_bytes_per_s / (num_values * moved)


def _rate(files: _Files, *, batch_size: int, threads: int, device: torch.device) -> float:
    """Pairs per second over whole epochs, after one that brings the arrays into the page cache."""
    with _batches(files, batch_size=batch_size, threads=threads, device=device) as batches:
        _count(batches(0))
        started_s, num_pairs, epoch = time.perf_counter(), 0, 1
        while time.perf_counter() - started_s < _LEAST_S:
            num_pairs += _count(batches(epoch))
            epoch += 1
        return num_pairs / (time.perf_counter() - started_s)


def _count(batches: Iterable[Batch]) -> int:
    return sum(len(batch.pair_ids) for batch in batches)


def _published_rate(paths: Sequence[Path], batch_size: int, workers: int) -> float:
    """Pairs per second in the second epoch, when the worker processes run and files are cached."""
    num_pairs = max(_PUBLISHED_LEAST_PAIRS, _PUBLISHED_BATCHES * batch_size * max(1, workers))
    repeated = list(islice(cycle(paths), num_pairs))
    loader = published_loader(repeated, batch_size=batch_size, num_workers=workers)
    for _ in loader:
        pass
    started_s = time.perf_counter()
    num_pairs = sum(len(source) for source, _ in loader)
    return num_pairs / (time.perf_counter() - started_s)


def _batches(files: _Files, *, batch_size: int, threads: int, device: torch.device) -> TrainBatches:
    manifest = load_manifest(files.prepared_dir)
    augmentation = train_augmentation(files.params, manifest)
    return TrainBatches(
        open_split(files.prepared_dir, "train"),
        augmentation,
        seed=0,
        batch_size=batch_size,
        device=device,
        loader_threads=threads,
    )


@dataclass(frozen=True, slots=True)
class _Memory:
    """Bytes that a process has of its own, and in all (RSS) with its maps of the arrays."""

    own_before: int
    own_early: int  # after two epochs
    own: int  # after ten
    resident: int


def _memory_rows(files: _Files) -> list[Row]:
    """Two processes that read the same arrays, as two workers on one machine do."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(_memory_of_reader, [files] * 2))
    num_bytes = sum(path.stat().st_size for path in files.prepared_dir.glob("train/*.npy"))
    worst = max(found, key=lambda each: each.own - each.own_before)
    arrays = f"the arrays have {num_bytes / _MIB:.0f} MiB, RSS is {worst.resident / _MIB:.0f} MiB"
    kinds = [
        ("memory of its own of one of two readers", worst.own - worst.own_before, arrays),
        ("growth of it from epoch 2 to epoch 10", worst.own - worst.own_early, ""),
    ]
    return [
        Row(
            topic=TOPIC,
            name=f"{name}, batch 16, 2 threads",
            value=taken / _MIB,
            unit="MiB",
            command=_COMMAND,
            lower_is_better=True,
            predicted="five batches of 6 MiB, no growth",
            note=note,
        )
        for name, taken, note in kinds
    ]


def _memory_of_reader(files: _Files) -> _Memory:
    process = psutil.Process()
    with _batches(files, batch_size=16, threads=2, device=_HOST) as batches:
        before = _own_bytes(process)
        own = []
        for epoch in range(10):
            _count(batches(epoch))
            own.append(_own_bytes(process))
        return _Memory(before, own[1], own[-1], process.memory_info().rss)


def _own_bytes(process: psutil.Process) -> int:
    """Memory without mapped files: USS would count a file that no other process has mapped yet."""
    info = process.memory_info()
    return int(info.rss - info.shared)


def main() -> None:
    """Measure, write the rows as JSON and print them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    rows = measured_rows()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_bytes(TypeAdapter(list[Row]).dump_json(rows, indent=2) + b"\n")
    for row in rows:
        ratio = "" if row.ratio is None else f", {row.ratio:.0f} times the {row.plain_is}"
        sys.stdout.write(f"{row.name}: {row.value:.1f} {row.unit}{ratio}\n")


if __name__ == "__main__":
    main()
