"""A trace of a few training steps, and where their time goes (`train.profile`).

The trace is bounded: ten steps of one epoch, without stacks and shapes, compressed. It opens in
Perfetto and in Chrome.
"""

import gzip
import json
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from torch.profiler import ProfilerActivity

# Spans of the host in each step: in which it waits for a batch, and in which it starts a step and
# reads the report of the step before.
WAIT, STEP = "wait for data", "training step"

_NUM_SKIPPED = 5  # the first steps choose kernels and record the CUDA graph
_NUM_TRACED = 10
_DEVICE_KINDS = ("kernel", "gpu_memcpy", "gpu_memset")

Interval = tuple[float, float]  # start and end


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """A trace and its summary, which has seconds per step."""

    trace: bytes  # Chrome's JSON, gzip
    summary: dict[str, float | int | None]


class StepTracer:
    """Traces some steps of an epoch. Use it with `with`, which ends a trace that an error cut."""

    def __init__(
        self, num_steps: int, device: torch.device, done: Callable[[Profile], None] | None
    ) -> None:
        """`num_steps` are those left of the epoch. `done` gets the result; None: no trace."""
        self._first = min(_NUM_SKIPPED, num_steps // 2)
        self._end = min(self._first + _NUM_TRACED, num_steps)
        self._device, self._done = device, done
        self._num_begun = 0
        self._profiler: torch.profiler.profile | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._profiler is not None:
            self._profiler.stop()
            self._profiler = None

    def begin_step(self) -> None:
        """Start the trace if this step is the first in it."""
        if self._done is not None and self._num_begun == self._first:
            is_gpu = self._device.type == "cuda"
            activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if is_gpu else [])]
            # `acc_events` says nothing for a single trace; without it, torch 2.11 warns of many.
            self._profiler = torch.profiler.profile(activities=activities, acc_events=True)
            self._profiler.start()
        self._num_begun += 1

    def end_step(self) -> None:
        """End the trace if this step was the last in it, and pass on the result."""
        if self._profiler is None or self._done is None or self._num_begun < self._end:
            return
        profiler, self._profiler = self._profiler, None
        profiler.stop()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "trace.json.gz"
            profiler.export_chrome_trace(str(path))
            trace = path.read_bytes()
        events = json.loads(gzip.decompress(trace))["traceEvents"]
        self._done(Profile(trace=trace, summary=summary(events)))


def summary(events: Iterable[Mapping[str, Any]]) -> dict[str, float | int | None]:
    """Return where the time of traced steps went, in means per step, from events of Chrome's JSON.

    `step_s` is the whole time, `data_wait_s` that in which the host waited for batches. The device
    was busy or idle (a gap that host or data left); null where the host is the device. Gradients
    were exchanged for `exchange_s`, of which `exposed_exchange_s` hid behind nothing else that the
    device did.
    """
    timed = [each for each in events if "dur" in each and "ts" in each]
    waits = [_interval(each) for each in timed if each["name"] == WAIT and _is_on_host(each)]
    steps = [_interval(each) for each in timed if each["name"] == STEP and _is_on_host(each)]
    exchange = [_interval(each) for each in timed if _is_exchange(each)]
    on_device = [each for each in timed if each.get("cat") in _DEVICE_KINDS]
    computing = [_interval(each) for each in on_device if not _is_exchange(each)]
    busy = _length([*computing, *exchange]) if on_device else None
    total = max(end for _, end in steps) - min(start for start, _ in [*waits, *steps])

    def per_step(microseconds: float | None) -> float | None:
        return None if microseconds is None else microseconds / 1e6 / len(steps)

    return {
        "num_steps": len(steps),
        "step_s": per_step(total),
        "data_wait_s": per_step(_length(waits)),
        "device_busy_s": per_step(busy),
        "device_idle_s": per_step(None if busy is None else total - busy),
        "exchange_s": per_step(_length(exchange)),
        "exposed_exchange_s": per_step(None if busy is None else busy - _length(computing)),
    }


def _interval(event: Mapping[str, Any]) -> Interval:
    return event["ts"], event["ts"] + event["dur"]


def _is_on_host(event: Mapping[str, Any]) -> bool:
    return event.get("cat") == "user_annotation"  # not its copy among the device's events


def _is_exchange(event: Mapping[str, Any]) -> bool:
    name = str(event["name"])
    is_kernel = event.get("cat") == "kernel" and name.startswith("nccl")
    return is_kernel or name.startswith("gloo:")


def _length(intervals: Iterable[Interval]) -> float:
    """The length of the union."""
    length, reached = 0.0, float("-inf")
    for start, end in sorted(intervals):
        length += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return length
