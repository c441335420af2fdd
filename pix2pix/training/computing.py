"""How the networks compute: in which number type and memory layout, and how a step is started.

`auto` of `train.precision`, `train.channels_last` and `train.compile` means what `TABLE` says of
the hardware. A named value is used as it is, with a warning where the hardware is slow with it.
"""

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from pix2pix.config import TrainConfig
from pix2pix.training.distributed import world_size
from pix2pix.training.hardware import Hardware, Kind, hardware_of

_KEYS = ("precision", "channels_last", "compile")  # of params.yaml, section train


class Fast(NamedTuple):
    """What a kind of hardware is fast with, and why."""

    precision: Literal["float32", "bfloat16"]
    channels_last: bool
    compile: bool  # each step is replayed from a CUDA graph
    why: str


# `benchmarks.bench training_step --device cuda` measures it; `auto` may follow what it finds.
_NOT_TRIED = "CUDA graphs have not been run on one yet (compile: true)"

TABLE = {
    Kind.GPU: Fast(
        "bfloat16",
        channels_last=True,
        compile=False,
        why="its matrix units read channels-last bfloat16 without rearranging it; " + _NOT_TRIED,
    ),
    Kind.AMD_GPU: Fast(
        "bfloat16",
        channels_last=False,
        compile=False,
        why="it has units for bfloat16; the others were not tried on it",
    ),
    Kind.OLD_GPU: Fast(
        "float32",
        channels_last=False,
        compile=False,
        why="bfloat16 is emulated, and float32 convolutions are made for channels-first; "
        + _NOT_TRIED,
    ),
    Kind.APPLE_GPU: Fast(
        "float32", channels_last=False, compile=False, why="the numbers of the published code"
    ),
    Kind.MATRIX_CPU: Fast(
        "bfloat16",
        channels_last=False,
        compile=False,
        why="a step at 256 px was 1.5 (batch 1) and 2.5 (batch 4) times as fast as in float32 "
        "on an Intel Xeon with AMX; channels-last reached 0.78 and 1.03 times that speed",
    ),
    Kind.VECTOR_CPU: Fast(
        "float32",
        channels_last=False,
        compile=False,
        why="bfloat16 is only a little faster there, and less exact",
    ),
    Kind.PLAIN_CPU: Fast(
        "float32",
        channels_last=False,
        compile=False,
        why="bfloat16 is emulated (measured: 96 s for a step that takes 6 s in float32), and "
        "channels-last reached 0.96 times the speed at batch 4",
    ),
}


class Computing(NamedTuple):
    """How a training computes, and why."""

    precision: Literal["float32", "bfloat16"]
    channels_last: bool
    compile: bool
    reason: str

    def __str__(self) -> str:
        layout = "channels last" if self.channels_last else "channels first"
        steps = "steps replayed from a CUDA graph" if self.compile else "steps started one by one"
        return f"{self.precision}, {layout}, {steps}: {self.reason}"


@cache
def choose(config: TrainConfig, hardware: Hardware, *, num_workers: int = 1) -> Computing:
    """Return how a training with these parameters computes on this hardware."""
    fast = TABLE[hardware.kind]
    wanted = {key: getattr(config, key) for key in _KEYS}
    automatic = [key for key, value in wanted.items() if value == "auto"]
    reasons = [f"{key}: {_yaml(value)}" for key, value in wanted.items() if value != "auto"]
    if automatic:
        reasons = [f"{hardware}: {fast.why} ({', '.join(automatic)}: auto)", *reasons]
    may_replay = fast.compile if config.compile == "auto" else config.compile
    obstacle = _obstacle_to_replay(config, hardware, num_workers) if may_replay else None
    if obstacle is not None:
        reasons.append(obstacle)
    precision = fast.precision if config.precision == "auto" else config.precision
    is_last = config.channels_last
    if is_last == "auto":  # the layout is that for the hardware's own precision
        is_last = fast.channels_last and precision == fast.precision
    return Computing(precision, is_last, may_replay and obstacle is None, "; ".join(reasons))


def slow_choices(computing: Computing, config: TrainConfig, hardware: Hardware) -> list[str]:
    """Return a warning for each choice that is slow on this hardware."""
    fast = TABLE[hardware.kind]
    warnings = []
    if computing.precision == "bfloat16" and not hardware.has_bfloat16:
        warnings.append(
            f"train.precision: bfloat16 is emulated here, as {hardware}: a step may take more than "
            "ten times as long as in float32. Use auto or float32, or other hardware"
        )
    if computing.channels_last != fast.channels_last and computing.precision == fast.precision:
        warnings.append(
            f"train.channels_last: {_yaml(computing.channels_last)} is slow here, as {hardware}: "
            "tensors are rearranged for its kernels. Use auto"
        )
    if config.compile is True and not computing.compile:
        warnings.append(
            "train.compile: true has no effect here, and steps are started one by one: "
            f"{computing.reason}. Use auto"
        )
    return warnings


def computing_of(config: TrainConfig, device: torch.device) -> Computing:
    """Return how the workers compute, if each has such a device."""
    return choose(config, hardware_of(device), num_workers=world_size())


def autocast(config: TrainConfig, device: torch.device) -> AbstractContextManager[object]:
    """Return the context in which the networks run; losses are computed outside, in float32."""
    if computing_of(config, device).precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def memory_layout(config: TrainConfig, device: torch.device) -> torch.memory_format:
    """Return the memory layout of images and weights."""
    is_last = computing_of(config, device).channels_last
    return torch.channels_last if is_last else torch.contiguous_format


def to_memory_layout(images: Tensor, config: TrainConfig) -> Tensor:
    """Return (N, C, H, W) in the memory layout of the networks; the loader's may be another."""
    return images.contiguous(memory_format=memory_layout(config, images.device))


def _obstacle_to_replay(config: TrainConfig, hardware: Hardware, num_workers: int) -> str | None:
    """Return why steps cannot be replayed from a CUDA graph; None if they can."""
    if hardware.kind not in (Kind.GPU, Kind.OLD_GPU, Kind.AMD_GPU):
        return "only GPUs have CUDA graphs"
    if num_workers > 1:
        return "workers exchange gradients while a step is computed, so it is not replayed"
    if config.num_microbatches > 1:
        return "steps in several microbatches are not replayed"
    return None


def _yaml(value: object) -> str:
    return str(value).lower()
