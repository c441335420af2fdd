"""Measure how long commands take to start, and a training to make its first step.

    python -m benchmarks.startup

Imports are given in seconds of CPU time, which other work on the machine changes little.
"""

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from statistics import median

import psutil
import torch

from benchmarks.ceilings import measured_ceilings
from benchmarks.rows import Ceilings, Row
from benchmarks.workload import prepare, preset, with_length
from pix2pix.config import Params
from pix2pix.cores import num_cores
from pix2pix.plural import counted

TOPIC = "start-up"

_PROJECT_DIR = Path(__file__).resolve().parent.parent
_COMMAND = "python -m benchmarks.startup"
_REPEATS = 5
_POLL_S = 0.05
_FIRST_STEP = "epoch 1/1"  # the line of an epoch of one step
_TRIAL_ENDS = re.compile(r"trial \d+ finished")
_TRIALS = 4

# What is started, and what of that is expected, in seconds of CPU time.
_COMMANDS = {
    "pix2pix --help": (["-m", "pipelines", "--help"], "0.3"),
    "stage parent, with nothing to read": (["-c", "import pipelines.stages.parent"], "0.3"),
    "imports of a training's worker": (["-c", "import pipelines.training.worker"], "4"),
    "imports of the stage evaluate": (["-c", "import pipelines.stages.evaluate"], "5"),
}


def measured_rows(ceilings: Ceilings) -> list[Row]:
    """Measure imports against that of torch, and a training against the same loop without Ray."""
    del ceilings  # nothing here is a matter of arithmetic
    torch_s = _cpu_s(["-c", "import torch"])
    rows = [
        Row(
            topic=TOPIC,
            name=name,
            value=_cpu_s(arguments),
            unit="s of CPU time",
            lower_is_better=True,
            limit=torch_s if "imports" in name else None,
            limit_is="import torch" if "imports" in name else "",
            command=_COMMAND,
            predicted=predicted,
        )
        for name, (arguments, predicted) in _COMMANDS.items()
    ]
    with tempfile.TemporaryDirectory() as folder:
        params = _write_project(Path(folder))
        return [
            *rows,
            _row_of_training(Path(folder)),
            *(_row_of_trials(Path(folder), params, size) for size in (1, 2)),
        ]


def _cpu_s(arguments: Sequence[str]) -> float:
    """The median CPU time of a Python with these arguments."""
    times = []
    for _ in range(_REPEATS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, *arguments], cwd=_PROJECT_DIR, stdout=subprocess.DEVNULL, check=True
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return median(times)


def _write_project(folder: Path) -> Params:
    """Prepare data, and write parameters for one epoch of one step."""
    params = with_length(preset("smoke"), num_train=10, num_epochs=1)
    params = replace(params, train=replace(params.train, batch_size=8))
    _write(folder, params)
    prepare(folder / "data", params)
    return params


def _write(folder: Path, params: Params) -> None:
    (folder / "params.yaml").write_text(json.dumps(asdict(params)))  # YAML contains JSON


def _row_of_training(folder: Path) -> Row:
    elapsed_s, cpu_s = _first_step(folder)
    parts = ", ".join(f"{name} {seconds:.1f}" for name, seconds in cpu_s.items())
    return Row(
        topic=TOPIC,
        name="local training of one worker, to the end of its first epoch of one step",
        value=elapsed_s,
        unit="s",
        lower_is_better=True,
        limit=sum(cpu_s.values()) / num_cores(),
        limit_is="the CPU time of all its processes, shared by all cores",
        command=_COMMAND,
        predicted="12 s on two quiet cores",
        note=f"CPU time in s until then: {parts}",
    )


def _first_step(project: Path) -> tuple[float, dict[str, float]]:
    """The seconds until the line of the first epoch, and the CPU time of each kind of process."""
    started_s = time.perf_counter()
    process = _started("train", project)
    cpu_s: dict[int, tuple[str, float]] = {}
    is_over = threading.Event()
    watch = threading.Thread(target=_watch, args=(process.pid, cpu_s, is_over))
    watch.start()
    elapsed_s, lines = None, []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        if _FIRST_STEP in line and elapsed_s is None:
            elapsed_s = time.perf_counter() - started_s
            is_over.set()
    is_over.set()
    watch.join()
    if process.wait() or elapsed_s is None:
        raise RuntimeError(f"the training failed:\n{''.join(lines)}")
    return elapsed_s, _by_kind(cpu_s)


def _started(stage: str, project: Path) -> subprocess.Popen[str]:
    database = f"sqlite:///{project / 'mlflow.db'}"
    return subprocess.Popen(
        [sys.executable, "-m", f"pipelines.stages.{stage}"],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(_PROJECT_DIR), "MLFLOW_TRACKING_URI": database},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _row_of_trials(folder: Path, params: Params, num_workers: int) -> Row:
    """How long a trial takes that is one of many; Ray runs already."""
    tune = replace(
        params.tune,
        num_trials=_TRIALS,
        num_epochs=1,
        num_seeds=0,
        scheduler="none",
        num_workers=num_workers,
        max_concurrent_trials=1,
    )
    _write(folder, replace(params, tune=tune))
    workers = counted(num_workers, "worker")
    return Row(
        topic=TOPIC,
        name=f"trial of {workers}, from the end of the one before to its own",
        value=median(_between_trials_s(folder)),
        unit="s",
        lower_is_better=True,
        command=_COMMAND,
        predicted="the imports of a process are left out: a half",
    )


def _between_trials_s(project: Path) -> list[float]:
    """The seconds from the end of each trial to the end of the next."""
    process = _started("tune", project)
    ends_s, lines = [], []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        if _TRIAL_ENDS.search(line):
            ends_s.append(time.perf_counter())
    if process.wait() or len(ends_s) != _TRIALS:
        raise RuntimeError(f"the study failed:\n{''.join(lines)}")
    return [later - earlier for earlier, later in pairwise(ends_s)]


def _watch(pid: int, cpu_s: dict[int, tuple[str, float]], is_over: threading.Event) -> None:
    """Note the CPU time of a process and all below it until then; the last look at each counts."""
    while not is_over.wait(_POLL_S):
        try:
            root = psutil.Process(pid)
            for each in [root, *root.children(recursive=True)]:
                times = each.cpu_times()
                cpu_s[each.pid] = (_kind(each, is_root=each == root), times.user + times.system)
        except psutil.NoSuchProcess:
            continue


def _kind(process: psutil.Process, *, is_root: bool) -> str:
    if is_root:
        return "driver"
    title = " ".join(process.cmdline())
    for name in ("TrainController", "RayTrainWorker"):
        if name in title:
            return name
    return "actors of Ray and of the mailbox" if title.startswith("ray::") else "servers of Ray"


def _by_kind(cpu_s: dict[int, tuple[str, float]]) -> dict[str, float]:
    total: dict[str, float] = defaultdict(float)
    for kind, seconds in cpu_s.values():
        total[kind] += seconds
    return dict(sorted(total.items(), key=lambda item: -item[1]))


def main() -> None:
    """Measure and print each row."""
    for row in measured_rows(measured_ceilings(torch.device("cpu"))):
        print(row)  # noqa: T201


if __name__ == "__main__":
    main()
