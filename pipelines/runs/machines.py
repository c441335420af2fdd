"""On which machines a training ran: its bits may depend on them.

Each group of workers adds its machines to a file in the run's folder, because a training may begin
on one machine and continue on another.
"""

import dataclasses
import json
import platform
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch

from pipelines.runs.folder import Folder

_FILE = "machines.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """The machine of a worker, as far as the result of a training may depend on it."""

    host: str
    system: str  # such as "Linux x86_64"
    cpu: str  # the name of the processor
    instruction_set: str  # of torch's kernels for the CPU, such as "AVX2" or "AVX512"
    gpu: str | None  # the name of the device; None if the worker computes on the CPU
    threads: int  # of the worker's CPU kernels
    num_workers: int  # of the group


def this_machine(device: torch.device, *, num_workers: int) -> Machine:
    """Return this machine, for a worker that computes on `device` with torch's present threads."""
    return Machine(
        host=socket.gethostname(),
        system=f"{platform.system()} {platform.machine()}",
        cpu=_cpu_name(),
        instruction_set=torch.backends.cpu.get_cpu_capability(),
        gpu=torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        threads=torch.get_num_threads(),
        num_workers=num_workers,
    )


def _cpu_name() -> str:
    """Return the processor's name for people; Linux has it only in a file."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def add_machines(run: Folder, machines: Iterable[Machine]) -> None:
    """Add those that are new to the file in the run's folder. Raises OSError."""
    known = recorded_machines(run)
    new = [machine for machine in dict.fromkeys(machines) if machine not in known]
    if new:
        content = [dataclasses.asdict(machine) for machine in (*known, *new)]
        run.write(_FILE, json.dumps(content).encode())


def recorded_machines(run: Folder) -> tuple[Machine, ...]:
    """Return the machines of the training in `run`, in the order of their use."""
    if not run.has(_FILE):
        return ()
    return tuple(Machine(**machine) for machine in json.loads(run.read(_FILE)))
