"""Preparing up to 30,000 pairs: time beside decoding alone, memory, and the search of duplicates.

    python -m benchmarks.large_n --out build/large-n.json

The files show two pictures of 256 px side by side; they and the prepared arrays need 13 GB of the
disk at a time and are removed. `--pairs 1000` measures a smaller set alone.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from benchmarks.drawn_files import write_pairs
from benchmarks.preparing import EFFORT, PX, Effort
from benchmarks.rows import Ceilings, Row
from benchmarks.workload import in_fresh_process
from pix2pix.cores import num_cores
from pix2pix.preparation.duplicates import directions, nearest_within

TOPIC = "large N"
_COMMAND = "python -m benchmarks.large_n --out build/large-n.json"
_SIZES = (1_000, 10_000, 30_000)
_PROJECT_DIR = Path(__file__).resolve().parent.parent


def measured_rows(_ceilings: Ceilings | None = None) -> list[Row]:
    """Measure all sizes."""
    return [row for num_pairs in _SIZES for row in _rows(num_pairs)]


def _rows(num_pairs: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder, "raw")
        write_pairs(raw, num_pairs=num_pairs, size_px=PX)
        decoding = _effort(raw)
        preparing = _effort(raw, Path(folder, "prepared"))
    thousands = num_pairs / 1000
    return [
        Row(
            topic=TOPIC,
            name=f"prepare, {num_pairs:,} pairs of {PX} px",
            value=preparing.elapsed_s / thousands,
            unit="s per 1,000 pairs",
            command=_COMMAND,
            limit=decoding.elapsed_s / thousands,
            limit_is="decoding once on all cores",
            lower_is_better=True,
            predicted="1.5 s more than decoding",
            note=(
                f"cores busy {preparing.busy_share:.0%}, decoding {decoding.busy_share:.0%}; time "
                f"of the processor {preparing.cpu_s / thousands:.2f} and "
                f"{decoding.cpu_s / thousands:.2f} s per 1,000 pairs"
            ),
        ),
        Row(
            topic=TOPIC,
            name=f"prepare, {num_pairs:,} pairs: processor time beyond decoding, over all cores",
            value=(preparing.cpu_s - decoding.cpu_s) / thousands / num_cores(),
            unit="s per 1,000 pairs",
            command=_COMMAND,
            lower_is_better=True,
            predicted="at most 1.5 s",
            note="unlike the elapsed time, it hardly depends on the load of the machine",
        ),
        Row(
            topic=TOPIC,
            name=f"prepare, {num_pairs:,} pairs: peak memory beyond that of the program",
            value=preparing.taken_mib,
            unit="MiB",
            command=_COMMAND,
            lower_is_better=True,
            predicted="100 MiB and 5 KiB per pair",
        ),
        Row(
            topic=TOPIC,
            name=f"search of near duplicates among {num_pairs:,} pairs",
            value=in_fresh_process(_search_s, num_pairs),
            unit="s",
            command=_COMMAND,
            lower_is_better=True,
            predicted="linear: below 1 s for 30,000",
        ),
    ]


def _effort(*folders: Path) -> Effort:
    """What `benchmarks.preparing` took."""
    # As a program of its own, because each process that it starts imports its main module.
    command = [sys.executable, "-m", "benchmarks.preparing", *map(str, folders)]
    done = subprocess.run(command, cwd=_PROJECT_DIR, check=True, stdout=subprocess.PIPE)
    return EFFORT.validate_json(done.stdout)


def _search_s(num_pairs: int) -> float:
    """Seconds to compare four fifths of random thumbnails with the others, ten of them alike."""
    rng = np.random.default_rng(0)
    # Like those of photographs: low frequencies have most of the energy.
    falling = 1 / (1 + np.arange(256) / 4)
    axes, _ = np.linalg.qr(rng.normal(size=(256, 256)))
    thumbnails = (rng.normal(size=(num_pairs, 2, 256)) * falling @ axes).astype(np.float32)
    thumbnails[:10] = thumbnails[-10:]
    started_s = time.perf_counter()
    vectors = directions(thumbnails)
    num_train = num_pairs * 4 // 5
    found = nearest_within(vectors[:num_train], vectors[num_train:], max_bits=12)
    assert len(found) >= 10
    return time.perf_counter() - started_s


def main() -> None:
    """Measure, write the rows as JSON and print them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pairs", type=int, help="measure one set of so many pairs")
    options = parser.parse_args()
    rows = measured_rows() if options.pairs is None else _rows(options.pairs)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_bytes(TypeAdapter(list[Row]).dump_json(rows, indent=2) + b"\n")
    for row in rows:
        sys.stdout.write(f"{row.name}: {row.value:.2f} {row.unit}. {row.note}\n")


if __name__ == "__main__":
    main()
