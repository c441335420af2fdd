"""How long a training takes until its first step, and a trial that is one of many.

Both are compared with the smallest programs of Ray (`benchmarks.plain_training`), which tell how
much of the time is Ray's own.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from statistics import median

import psutil

from benchmarks import plain_training
from benchmarks.rows import Row
from benchmarks.workload import prepare, preset, with_length
from pix2pix.config import Params
from pix2pix.cores import num_cores
from pix2pix.plural import counted

TOPIC = "start-up"
COMMAND = "python -m benchmarks.startup"

_PROJECT_DIR = Path(__file__).resolve().parent.parent
_TRAININGS = 3
_TRIALS = 4
_POLL_S = 0.05

_FIRST_STEP = re.compile("epoch 1/1")  # the line of an epoch of one step
_TRIAL_ENDS = re.compile(r"trial \d+ finished")
_PLAIN_FIRST_STEP = re.compile(plain_training.FIRST_STEP)
_PLAIN_TRIAL_ENDS = re.compile(plain_training.TRIAL_ENDS)
_PLAIN_IS = "smallest program of Ray Train, with Tune for trials"


def rows_of_trainings() -> list[Row]:
    """The row of a training, and those of trials of one worker and of two."""
    with tempfile.TemporaryDirectory() as folder:
        params = _write_project(Path(folder))
        return [
            _row_of_training(Path(folder)),
            *(_row_of_trials(Path(folder), params, size) for size in (1, 2)),
        ]


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
    plain_s, elapsed_s, cpu_s = [], [], []
    for _ in range(_TRAININGS):
        plain_s.append(_first_step(_started_plain("--workers", "1"), _PLAIN_FIRST_STEP)[0])
        own = _first_step(_started("train", folder), _FIRST_STEP)
        elapsed_s.append(own[0])
        cpu_s.append(own[1])
    newest = cpu_s[-1]
    parts = ", ".join(f"{name} {seconds:.1f}" for name, seconds in newest.items())
    return Row(
        topic=TOPIC,
        name="local training of one worker, to the end of its first epoch of one step",
        value=median(elapsed_s),
        unit="s",
        plain=median(plain_s),
        plain_is=_PLAIN_IS,
        lower_is_better=True,
        limit=sum(newest.values()) / num_cores(),
        limit_is="the CPU time of all its processes, shared by all cores",
        command=COMMAND,
        predicted="12 s on two quiet cores",
        note=f"CPU time in s until then: {parts}",
    )


def _first_step(
    process: subprocess.Popen[str], marker: re.Pattern[str]
) -> tuple[float, dict[str, float]]:
    """The seconds until the line with `marker`, and the CPU time of each kind of process."""
    started_s = time.perf_counter()
    cpu_s: dict[int, tuple[str, float]] = {}
    is_over = threading.Event()
    watch = threading.Thread(target=_watch, args=(process.pid, cpu_s, is_over))
    watch.start()
    elapsed_s, lines = None, []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        if elapsed_s is None and marker.search(line):
            elapsed_s = time.perf_counter() - started_s
            is_over.set()
    is_over.set()
    watch.join()
    if process.wait() or elapsed_s is None:
        raise RuntimeError(f"the training failed:\n{''.join(lines)}")
    return elapsed_s, _by_kind(cpu_s)


def _started(stage: str, project: Path) -> subprocess.Popen[str]:
    database = f"sqlite:///{project / 'mlflow.db'}"
    return _program(
        f"pipelines.stages.{stage}",
        folder=project,
        environment={"PYTHONPATH": str(_PROJECT_DIR), "MLFLOW_TRACKING_URI": database},
    )


def _started_plain(*arguments: str) -> subprocess.Popen[str]:
    # Like ours, the plain training has no actor that asks whether its node will be taken away.
    environment = {"RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0"}
    return _program(
        "benchmarks.plain_training", *arguments, folder=_PROJECT_DIR, environment=environment
    )


def _program(
    module: str, *arguments: str, folder: Path, environment: dict[str, str]
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        env=os.environ | environment,
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
    plain = ("--workers", str(num_workers), "--trials", str(_TRIALS))
    return Row(
        topic=TOPIC,
        name=f"trial of {workers}, from the end of the one before to its own",
        value=median(_between_trials_s(_started("tune", folder), _TRIAL_ENDS)),
        unit="s",
        plain=median(_between_trials_s(_started_plain(*plain), _PLAIN_TRIAL_ENDS)),
        plain_is=_PLAIN_IS,
        lower_is_better=True,
        command=COMMAND,
        predicted="the imports of a process are left out: a half",
    )


def _between_trials_s(process: subprocess.Popen[str], marker: re.Pattern[str]) -> list[float]:
    """The seconds from the end of each trial to the end of the next."""
    ends_s, lines = [], []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        if marker.search(line):
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
