"""The number type and the memory layout in which the networks compute.

The choice of `precision: auto`, and the speed of bfloat16, depend on the units of the hardware:

| hardware                                                  | auto     | bfloat16             |
|-----------------------------------------------------------|----------|----------------------|
| GPU with units for it (NVIDIA from Ampere on, AMD's CDNA) | bfloat16 | as it is meant       |
| older GPU                                                 | float32  | emulated: warned of  |
| CPU with matrix units for it (AMX-BF16)                   | bfloat16 | as it is meant       |
| CPU with vector units for it (AVX512-BF16, Arm's BF16)    | float32  | no warning           |
| any other CPU                                             | float32  | emulated: warned of  |

Vector units are only a little faster than float32, so `auto` does not choose bfloat16. With
emulation on an AVX2 CPU, a step of the published networks took 96 s, and 6 s in float32 (two cores,
measured).
"""

from contextlib import AbstractContextManager, nullcontext
from enum import Enum
from functools import cache
from typing import Literal, NamedTuple, assert_never

import torch
from torch import Tensor

from pix2pix.config import TrainConfig

_MIN_NVIDIA_CAPABILITY = 8  # compute capability of Ampere


class Units(Enum):
    """The arithmetic units of a device for bfloat16."""

    MATRIX = "matrix units"
    VECTOR = "vector units"
    NONE = "no units"


class Hardware(NamedTuple):
    """A device and its units for bfloat16."""

    name: str
    units: Units

    def __str__(self) -> str:
        return f"{self.name} has {self.units.value} for bfloat16"


class Choice(NamedTuple):
    """The type in which the networks compute, and why."""

    precision: Literal["float32", "bfloat16"]
    reason: str


def choose_precision(wanted: Literal["auto", "float32", "bfloat16"], hardware: Hardware) -> Choice:
    """Return the precision that `train.precision: wanted` means on this hardware."""
    match wanted:
        case "auto":
            is_fast = hardware.units is Units.MATRIX
            return Choice("bfloat16" if is_fast else "float32", f"{hardware} (precision: auto)")
        case "float32" | "bfloat16":
            return Choice(wanted, f"precision: {wanted}")
        case _:
            assert_never(wanted)


def slow_precision_warning(choice: Choice, hardware: Hardware) -> str | None:
    """Return a warning if this precision is slow on this hardware, else None."""
    if choice.precision == "float32" or hardware.units is not Units.NONE:
        return None
    return (
        f"train.precision: bfloat16 is emulated here, as {hardware}: a step may take more than "
        "ten times as long as in float32. Use auto or float32, or other hardware"
    )


@cache
def hardware_of(device: torch.device) -> Hardware:
    """Return the hardware of a device, as reported by its driver or by the processor."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        is_native = (
            torch.version.hip is not None
            or torch.cuda.get_device_capability(device)[0] >= _MIN_NVIDIA_CAPABILITY
        )
        return Hardware(name, Units.MATRIX if is_native else Units.NONE)
    return cpu_hardware(_cpu_flags())


def cpu_hardware(flags: dict[str, object]) -> Hardware:
    """Return the hardware of a processor with these flags of `torch.cpu.get_capabilities`."""
    name = f"this CPU ({flags.get('cpu_name') or flags.get('architecture') or 'unknown'})"
    if flags.get("amx_bf16"):
        return Hardware(name, Units.MATRIX)
    has_vectors = any(flags.get(flag) for flag in ("avx512_bf16", "bf16", "sve_bf16"))
    return Hardware(name, Units.VECTOR if has_vectors else Units.NONE)


def _cpu_flags() -> dict[str, object]:
    # Older versions of torch do not have this function; then the flags are unknown.
    capabilities = getattr(torch.cpu, "get_capabilities", dict)
    return dict(capabilities())


def autocast(config: TrainConfig, device: torch.device) -> AbstractContextManager[object]:
    """Return the context in which the networks run; losses are computed outside, in float32."""
    if choose_precision(config.precision, hardware_of(device)).precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def to_memory_layout(images: Tensor, config: TrainConfig) -> Tensor:
    """Return (N, C, H, W) in the memory layout of the networks; the loader's may be another."""
    layout = torch.channels_last if config.channels_last else torch.contiguous_format
    return images.contiguous(memory_format=layout)
