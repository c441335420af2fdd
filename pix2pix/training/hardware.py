"""What the device that trains has for the arithmetic of the networks."""

from enum import Enum
from functools import cache
from typing import NamedTuple

import torch

_AMPERE = 8  # compute capability of the first NVIDIA GPUs with units for bfloat16


class Kind(Enum):
    """Devices that the same choices are good for."""

    GPU = "an NVIDIA GPU with matrix units for bfloat16"
    AMD_GPU = "an AMD GPU"
    OLD_GPU = "an NVIDIA GPU without units for bfloat16"
    APPLE_GPU = "an Apple GPU"
    MATRIX_CPU = "a CPU with matrix units for bfloat16"
    VECTOR_CPU = "a CPU with vector units for bfloat16"
    PLAIN_CPU = "a CPU without units for bfloat16"


class Hardware(NamedTuple):
    """A device."""

    name: str
    kind: Kind

    def __str__(self) -> str:
        return f"{self.name} is {self.kind.value}"

    @property
    def has_bfloat16(self) -> bool:
        """Whether it has units for bfloat16; without them, bfloat16 is emulated."""
        return self.kind not in (Kind.OLD_GPU, Kind.APPLE_GPU, Kind.PLAIN_CPU)


@cache
def hardware_of(device: torch.device) -> Hardware:
    """Return the hardware of a device, as reported by its driver or by the processor."""
    if device.type == "cuda":
        return Hardware(torch.cuda.get_device_name(device), _gpu_kind(device))
    if device.type == "mps":
        return Hardware("this GPU", Kind.APPLE_GPU)
    return cpu_hardware(_cpu_flags())


def _gpu_kind(device: torch.device) -> Kind:
    if torch.version.hip is not None:
        return Kind.AMD_GPU
    is_old = torch.cuda.get_device_capability(device)[0] < _AMPERE
    return Kind.OLD_GPU if is_old else Kind.GPU


def cpu_hardware(flags: dict[str, object]) -> Hardware:
    """Return the hardware of a processor with these flags of `torch.cpu.get_capabilities`."""
    name = f"this CPU ({flags.get('cpu_name') or flags.get('architecture') or 'unknown'})"
    if flags.get("amx_bf16"):
        return Hardware(name, Kind.MATRIX_CPU)
    has_vectors = any(flags.get(flag) for flag in ("avx512_bf16", "bf16", "sve_bf16"))
    return Hardware(name, Kind.VECTOR_CPU if has_vectors else Kind.PLAIN_CPU)


def _cpu_flags() -> dict[str, object]:
    # Older versions of torch do not have this function; then the flags are unknown.
    capabilities = getattr(torch.cpu, "get_capabilities", dict)
    return dict(capabilities())
