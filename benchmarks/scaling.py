"""Measure training speed on this machine: `python -m benchmarks.scaling --out FILE.json [--quick]`.

Bare loop, one worker against several with fixed cores each, the share of the gradient exchange,
sums over idle workers, what the framework adds, checkpoints, the loader. `--only` repeats a part
and leaves the others in the file as they are.
"""

import argparse
import logging
import math
import tempfile
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import ray
import torch

from benchmarks.framework import measure_checkpoint, measure_framework
from benchmarks.results import (
    AllReduceTimes,
    Exchange,
    Machine,
    Measured,
    RunTimes,
    StepTimes,
    read_measured,
    write_measured,
)
from benchmarks.worker_group import Plan, measure_group, processor
from benchmarks.workload import in_fresh_process, loader_images_per_s, prepare, preset, with_length
from pix2pix.cores import num_cores
from pix2pix.plural import counted

logger = logging.getLogger(__name__)

_PRESETS = ("default", "reference")
_MIB = 2**20
_SUM_BYTES = (4, _MIB, 8 * _MIB, 25 * _MIB, 50 * _MIB)
_MIN_RUN_S = 120.0  # of training after start-up and first epoch


@dataclass(frozen=True, kw_only=True, slots=True)
class Effort:
    """How long to measure."""

    num_rounds: int
    batches: dict[str, tuple[int, ...]]
    steps: dict[str, int]
    num_sums: int
    framework_rounds: int
    framework_pairs: int
    framework_s: float  # at least so long, after the first epoch


_FULL = Effort(
    num_rounds=3,
    batches={"default": (1, 2, 4), "reference": (1, 2)},
    steps={"default": 20, "reference": 4},
    num_sums=20,
    framework_rounds=3,
    framework_pairs=320,
    framework_s=_MIN_RUN_S,
)
_QUICK = Effort(
    num_rounds=1,
    batches={"default": (1, 2, 4), "reference": (1, 2)},
    steps={"default": 3, "reference": 1},
    num_sums=5,
    framework_rounds=1,
    framework_pairs=40,
    framework_s=10.0,
)


def measure_workers(effort: Effort, cores_per_worker: int) -> dict[str, Any]:
    """Steps and sums with 1, 2, 4, ... workers; every round starts each group anew."""
    plan = Plan(
        batches=effort.batches,
        steps=effort.steps,
        sum_bytes=_SUM_BYTES,
        num_sums=effort.num_sums,
        cores_per_worker=cores_per_worker,
    )
    sizes = [2**power for power in range(int(math.log2(num_cores() // cores_per_worker)) + 1)]
    steps: dict[tuple[str, int, int, Exchange], list[float]] = defaultdict(list)
    sums: dict[tuple[int, int], list[float]] = defaultdict(list)
    for turn in range(effort.num_rounds):
        for size in sizes if turn % 2 == 0 else reversed(sizes):
            logger.info("round %d of %d: %s", turn + 1, effort.num_rounds, counted(size, "worker"))
            times = measure_group(size, plan)
            for step in times.steps:
                steps[step.preset, size, step.batch, step.exchange].append(step.seconds)
            for num_bytes, seconds in times.sums.items():
                sums[size, num_bytes].append(seconds)
    return {
        "steps": [
            StepTimes(preset=name, num_workers=size, batch=batch, exchange=exchange, step_s=step_s)
            for (name, size, batch, exchange), step_s in steps.items()
        ],
        "all_reduces": [
            AllReduceTimes(num_workers=size, num_bytes=num_bytes, seconds=seconds)
            for (size, num_bytes), seconds in sums.items()
            if size > 1
        ],
    }


def measure_runs(effort: Effort, cores_per_worker: int) -> dict[str, Any]:
    """Bare loop against Ray, long enough to be quoted: one worker with its cores, and with all."""
    runs: list[RunTimes] = []
    for worker_cores in sorted({cores_per_worker, num_cores()}):
        measure = partial(
            measure_framework, "default", num_train=effort.framework_pairs, num_cores=worker_cores
        )
        trial, *_ = measure(num_epochs=2, num_rounds=1, variants=("bare",))
        num_epochs = 1 + max(1, math.ceil(effort.framework_s / trial.elapsed_s[0]))
        logger.info(
            "framework, %s: %d rounds of %d epochs",
            counted(worker_cores, "core"),
            effort.framework_rounds,
            num_epochs,
        )
        runs += measure(num_epochs=num_epochs, num_rounds=effort.framework_rounds)
    return {"runs": runs}


def measure_storage(effort: Effort) -> dict[str, Any]:
    """Checkpoints and loader."""
    params = with_length(preset("default"), num_train=effort.framework_pairs, num_epochs=1)
    with tempfile.TemporaryDirectory() as folder:
        prepared_dir = prepare(Path(folder), params)
        speeds = [
            in_fresh_process(loader_images_per_s, params, prepared_dir)
            for _ in range(effort.num_rounds)
        ]
    checkpoints = [in_fresh_process(measure_checkpoint, name, num_repeats=5) for name in _PRESETS]
    return {"checkpoints": checkpoints, "loader_images_per_s": speeds}


def machine(cores_per_worker: int) -> Machine:
    """Where this runs."""
    return Machine(
        processor=processor(),
        num_cores=num_cores(),
        cores_per_worker=cores_per_worker,
        torch=torch.__version__,
        ray=ray.__version__,
        measured_on=date.today().isoformat(),
    )


def main() -> None:
    """Measure and write the JSON file."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    parser = argparse.ArgumentParser(prog="benchmarks.scaling", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--quick", action="store_true", help="a smoke run, not to be quoted")
    parser.add_argument("--rounds", type=int, help="repeats, from which the spread comes")
    parser.add_argument("--cores-per-worker", type=int, default=1)
    parser.add_argument("--only", choices=("workers", "runs", "storage"), help="measure one part")
    arguments = parser.parse_args()
    effort = _QUICK if arguments.quick else _FULL
    if arguments.rounds is not None:
        effort = replace(effort, num_rounds=arguments.rounds, framework_rounds=arguments.rounds)
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "workers": lambda: measure_workers(effort, arguments.cores_per_worker),
        "runs": lambda: measure_runs(effort, arguments.cores_per_worker),
        "storage": lambda: measure_storage(effort),
    }
    where = machine(arguments.cores_per_worker)
    if arguments.only is not None and arguments.out.is_file():
        measured = replace(read_measured(arguments.out), machine=where)
    else:
        measured = Measured(machine=where, quick_parts=[])
    for name in parts if arguments.only is None else (arguments.only,):
        others = [part for part in measured.quick_parts if part != name]
        quick_parts = [*others, name] if arguments.quick else others
        measured = replace(measured, quick_parts=quick_parts, **parts[name]())
        write_measured(arguments.out, measured)


if __name__ == "__main__":
    main()
