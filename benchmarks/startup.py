"""Measure how long commands take to start, and a training to make its first step.

    python -m benchmarks.startup

Imports are given in seconds of CPU time, which other work on the machine changes little. Trainings
and trials are compared with the smallest programs of Ray (`benchmarks.plain_training`), which tell
how much of the time is Ray's own.
"""

import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import torch

from benchmarks.ceilings import measured_ceilings
from benchmarks.rows import Ceilings, Row
from benchmarks.training_start import COMMAND, TOPIC, rows_of_trainings

_PROJECT_DIR = Path(__file__).resolve().parent.parent
_REPEATS = 5

# What is started, and what of that is expected, in seconds of CPU time.
_COMMANDS = {
    "pix2pix --help": (["-m", "pipelines", "--help"], "0.3"),
    "stage parent, with nothing to read": (["-c", "import pipelines.stages.parent"], "0.3"),
    "imports of a training's worker": (["-c", "import pipelines.training.worker"], "4"),
    "imports of the stage evaluate": (["-c", "import pipelines.stages.evaluate"], "5"),
}


def measured_rows(ceilings: Ceilings) -> list[Row]:
    """Measure imports against that of torch, and trainings against the smallest programs of Ray."""
    del ceilings  # nothing here is a matter of arithmetic
    torch_s = _cpu_s(["-c", "import torch"])
    imports = [
        Row(
            topic=TOPIC,
            name=name,
            value=_cpu_s(arguments),
            unit="s of CPU time",
            lower_is_better=True,
            limit=torch_s if "imports" in name else None,
            limit_is="import torch" if "imports" in name else "",
            command=COMMAND,
            predicted=predicted,
        )
        for name, (arguments, predicted) in _COMMANDS.items()
    ]
    return [*imports, *rows_of_trainings()]


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


def main() -> None:
    """Measure and print each row."""
    for row in measured_rows(measured_ceilings(torch.device("cpu"))):
        print(row)  # noqa: T201


if __name__ == "__main__":
    main()
