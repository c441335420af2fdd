"""`make bench`: measure the project on this machine, as one table.

    python -m benchmarks.bench                    # all topics of the default, about ten minutes
    python -m benchmarks.bench training_step      # some topics; the other rows of the file stay
    python -m benchmarks.bench --document         # only write docs/performance.md anew

Rows, and the ceilings of each run, go to a file of this machine's processor or GPU, such as
benchmarks/results/bench-cpu-amd-epyc.json; docs/performance.md has those of all machines. Each
topic is a module of this folder with a function `measured_rows(ceilings)` that returns its rows. A
topic whose libraries this machine lacks is left out and named.
"""

import argparse
import importlib
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import torch

from benchmarks.bench_tables import write_document
from benchmarks.ceilings import measured_ceilings
from benchmarks.rows import Bench, Ceilings, Row, Run, read_bench, replaced, write_bench
from pix2pix.training.hardware import hardware_of

TOPICS = ("training_step", "input_path", "scoring", "startup", "large_n")

_ROOT = Path(__file__).resolve().parent.parent
RESULTS_DIR = _ROOT / "benchmarks" / "results"
DOCUMENT_PATH = _ROOT / "docs" / "performance.md"


def main() -> None:
    """Measure, print the table, write the results and the document."""
    arguments = _arguments()
    if not arguments.document:
        device = torch.device(arguments.device)
        path = result_path(hardware_of(device).name)
        write_bench(path, _measured(arguments.topics, device, path))
    write_document(DOCUMENT_PATH, [read_bench(path) for path in result_paths()])


def result_path(device_name: str) -> Path:
    """The file of a machine with this processor or GPU."""
    words = re.findall("[a-z0-9]+", device_name.lower().removeprefix("this "))
    return RESULTS_DIR / f"bench-{'-'.join(words)}.json"


def result_paths() -> list[Path]:
    """The files of all machines."""
    return sorted(RESULTS_DIR.glob("bench-*.json"))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("topics", nargs="*", choices=[*TOPICS, []], metavar="TOPIC")
    parser.add_argument(
        "--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu"
    )
    parser.add_argument("--document", action="store_true", help="measure nothing")
    return parser.parse_args()


def _measured(topics: list[str], device: torch.device, path: Path) -> Bench:
    run = Run(
        load=os.getloadavg()[0],
        ceilings=measured_ceilings(device),
        torch=torch.__version__,
        commit=_commit(),
        measured_on=datetime.now(tz=UTC).date().isoformat(),
    )
    rows = [row for topic in topics or TOPICS for row in _rows(topic, run.ceilings)]
    is_added = bool(topics) and path.is_file()
    earlier = read_bench(path) if is_added else Bench(runs={}, rows=[])
    runs = earlier.runs | dict.fromkeys((row.topic for row in rows), run)
    return Bench(runs=runs, rows=replaced(earlier.rows, rows))


def _rows(topic: str, ceilings: Ceilings) -> list[Row]:
    sys.stderr.write(f"measuring {topic}\n")
    try:
        module = importlib.import_module(f"benchmarks.{topic}")
    except ModuleNotFoundError as error:
        sys.stderr.write(f"left out {topic}: this machine has no {error.name}\n")
        return []
    rows: list[Row] = module.measured_rows(ceilings)
    return rows


def _commit() -> str:
    command = ["git", "-C", str(_ROOT), "describe", "--always", "--dirty"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
