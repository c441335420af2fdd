"""What `benchmarks.scaling` measured: raw times of each repeat, as they lie in its JSON file."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, TypeAdapter

from pix2pix.config.validation_text import checked_json

_STRICT = ConfigDict(extra="forbid", strict=True)

Variant = Literal["bare", "ray", "ray_mlflow"]
# none: the same steps, but each worker keeps its gradients to itself.
Exchange = Literal["none", "float32", "bfloat16"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """What the measurements depend on."""

    __pydantic_config__ = _STRICT

    processor: str
    num_cores: int
    cores_per_worker: int
    torch: str
    ray: str
    measured_on: str  # date


@dataclass(frozen=True, kw_only=True, slots=True)
class StepTimes:
    """One kind of step, a mean over a block of steps in each repeat."""

    __pydantic_config__ = _STRICT

    preset: str  # whose networks and image size
    num_workers: int
    batch: int  # images per worker
    exchange: Exchange
    step_s: list[float]


@dataclass(frozen=True, kw_only=True, slots=True)
class AllReduceTimes:
    """Sums over workers that do nothing else."""

    __pydantic_config__ = _STRICT

    num_workers: int
    num_bytes: int
    seconds: list[float]


@dataclass(frozen=True, kw_only=True, slots=True)
class RunTimes:
    """The same training, bare or under the framework; start-up and first epoch left out."""

    __pydantic_config__ = _STRICT

    variant: Variant
    worker_cores: int  # the machine's others are left to the framework
    num_images: int  # trained on within the time
    elapsed_s: list[float]


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckpointTimes:
    """A training state written to the local disk, flushed."""

    __pydantic_config__ = _STRICT

    preset: str
    num_bytes: int
    write_s: list[float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """One run of the benchmark; a part that was not measured is empty."""

    __pydantic_config__ = _STRICT

    machine: Machine
    quick_parts: list[str]  # of which the figures are not meant to be quoted
    steps: list[StepTimes] = field(default_factory=list)
    all_reduces: list[AllReduceTimes] = field(default_factory=list)
    runs: list[RunTimes] = field(default_factory=list)
    checkpoints: list[CheckpointTimes] = field(default_factory=list)
    loader_images_per_s: list[float] = field(default_factory=list)  # one process, default preset


_MEASURED = TypeAdapter(Measured)


def read_measured(path: Path) -> Measured:
    """Read what `write_measured` wrote. Raises ValueError naming the file."""
    if not path.is_file():
        raise ValueError(f"{path} is missing; run `python -m benchmarks.scaling --out {path}`")
    return checked_json(
        _MEASURED,
        path.read_bytes(),
        refusal=f"{path} does not hold measurements",
        remedy=f"run `python -m benchmarks.scaling --out {path}`",
    )


def write_measured(path: Path, measured: Measured) -> None:
    """Write a JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_MEASURED.dump_json(measured, indent=2) + b"\n")
