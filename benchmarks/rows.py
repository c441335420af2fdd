"""A row of the table of `make bench`, and the file that keeps the rows of one kind of device."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter

_STRICT = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One measured figure, beside the same by plain means and what the hardware allows.

    `value`, `plain` and `limit` are in `unit`. Several measurements are medians, and those of
    `value` and `plain` alternate in one process, so that both meet the same load of the machine.
    """

    __pydantic_config__ = _STRICT

    topic: str  # the table has one section for each topic: "training step"
    name: str  # what was measured: "256 px, batch 4, float32"
    value: float
    unit: str  # "images/s", "s", "MiB"
    command: str  # that measures this row alone
    plain: float | None = None  # by the plain implementation that `plain_is` names
    plain_is: str = ""  # "published loader", "torch-fidelity and torchmetrics, one after the other"
    limit: float | None = None  # what the hardware that `limit_is` names allows
    limit_is: str = ""  # "float32 products", "decoding on both cores"
    lower_is_better: bool = False  # true for times and sizes
    predicted: str = ""  # what was expected before the first measurement
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times as good as the plain implementation; None without one."""
        return None if self.plain is None else self._against(self.plain)

    @property
    def share_of_limit(self) -> float | None:
        """Which share of what the hardware allows was reached, up to 1; None without a limit."""
        return None if self.limit is None else self._against(self.limit)

    def _against(self, other: float) -> float:
        return other / self.value if self.lower_is_better else self.value / other


@dataclass(frozen=True, kw_only=True, slots=True)
class Ceilings:
    """What the machine reaches in one elementary operation each, measured in the same run."""

    __pydantic_config__ = _STRICT

    device: str  # "cpu" or "cuda"
    device_name: str
    num_cores: int
    # Floating-point operations per second of dense products, by number type: float32, tf32 (GPUs of
    # NVIDIA), bfloat16. Only those for which the hardware has units.
    flops_per_s: dict[str, float]
    memory_bytes_per_s: float  # of the device: a copy, read and written bytes together
    disk_read_bytes_per_s: float  # of a file that the page cache does not hold


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One run of `make bench`: the machine, the program and the time."""

    __pydantic_config__ = _STRICT

    ceilings: Ceilings
    torch: str
    commit: str
    measured_on: str  # date
    load: float  # average number of running processes over the last minute, before the start


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """The newest rows of each topic, and the run by topic in which they were measured."""

    __pydantic_config__ = _STRICT

    runs: dict[str, Run]
    rows: list[Row]


_BENCH = TypeAdapter(Bench)
_DERIVED = ("ratio", "share_of_limit")


def read_bench(path: Path) -> Bench:
    """Read what `write_bench` wrote. Raises ValueError naming the file."""
    try:
        content = json.loads(path.read_bytes())
        rows = [{k: v for k, v in row.items() if k not in _DERIVED} for row in content["rows"]]
        return _BENCH.validate_json(json.dumps(content | {"rows": rows}))
    except (OSError, LookupError, TypeError, ValueError) as error:
        raise ValueError(f"{path} does not hold rows of `make bench`: {error}") from None


def write_bench(path: Path, bench: Bench) -> None:
    """Write a JSON file, in which each row also has what `dvc plots` shows of it."""
    rows = [asdict(row) | {key: getattr(row, key) for key in _DERIVED} for row in bench.rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(bench) | {"rows": rows}, indent=2) + "\n")


def replaced(rows: Sequence[Row], new: Sequence[Row]) -> list[Row]:
    """The rows with those of the measured topics replaced in their place, new topics at the end."""
    measured = {row.topic for row in new}
    topics = dict.fromkeys(row.topic for row in (*rows, *new))
    return [
        row
        for topic in topics
        for row in (new if topic in measured else rows)
        if row.topic == topic
    ]
