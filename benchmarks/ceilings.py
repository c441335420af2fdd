"""What the machine reaches in elementary operations: the limits that other rows are held against.

Each is the best of several tries, since a limit is what no load of the machine disturbs.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch.nn import functional as F

from benchmarks.rows import Ceilings
from pix2pix.cores import num_cores
from pix2pix.training.hardware import Kind, hardware_of

_TRIES = 5
_COPIED_BYTES = 2**28  # several times the caches of a processor
_FILE_BYTES = 2**28


def measured_ceilings(device: torch.device) -> Ceilings:
    """Measure the machine. The disk is that of temporary files."""
    return Ceilings(
        device=device.type,
        device_name=hardware_of(device).name,
        num_cores=num_cores(),
        flops_per_s=_flops_per_s(device),
        memory_bytes_per_s=_memory_bytes_per_s(device),
        disk_read_bytes_per_s=_disk_read_bytes_per_s(),
    )


def seconds(function: Callable[[], object], device: torch.device, *, repeats: int = 1) -> float:
    """Seconds of one call, a mean over `repeats` calls in a row, until the device is done."""
    _wait_for(device)
    started_s = time.perf_counter()
    for _ in range(repeats):
        function()
    _wait_for(device)
    return (time.perf_counter() - started_s) / repeats


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _flops_per_s(device: torch.device) -> dict[str, float]:
    with _tf32(allowed=False):
        found = {"float32": _product_flops_per_s(device, torch.float32)}
    if hardware_of(device).kind is Kind.GPU:  # it has units for TF32, too
        with _tf32(allowed=True):
            found["tf32"] = _product_flops_per_s(device, torch.float32)
    if hardware_of(device).has_bfloat16:
        found["bfloat16"] = _product_flops_per_s(device, torch.bfloat16)
    return found


@contextmanager
def _tf32(*, allowed: bool) -> Iterator[None]:
    """Whether products of float32 may be computed in TF32; torch's default differs by operation."""
    matrices, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matrices.allow_tf32, convolutions.allow_tf32
    matrices.allow_tf32 = convolutions.allow_tf32 = allowed
    yield
    matrices.allow_tf32, convolutions.allow_tf32 = before


def _product_flops_per_s(device: torch.device, dtype: torch.dtype) -> float:
    """The speed of the faster of two equal products: of matrices, and as a 1x1 convolution.

    Libraries differ by processor: on one of AMD the convolution reached twice the speed.
    """
    size = 8192 if device.type == "cuda" else 2048
    left, right = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    out = torch.empty_like(left)
    side = 2 ** (size.bit_length() // 2)  # of an image whose pixels are the rows of `left`
    images = left.view(1, size // side, side, size).permute(0, 3, 1, 2)  # channels last
    kernels = right.view(size, size, 1, 1).contiguous(memory_format=torch.channels_last)
    products: list[Callable[[], object]] = [
        lambda: torch.mm(left, right, out=out),
        lambda: F.conv2d(images, kernels),
    ]
    with torch.inference_mode():
        for multiply in products:
            multiply()
        return 2 * size**3 / min(_best(multiply, device) for multiply in products)


def _memory_bytes_per_s(device: torch.device) -> float:
    num_bytes = _COPIED_BYTES * (8 if device.type == "cuda" else 1)
    source = torch.ones(num_bytes, dtype=torch.uint8, device=device)
    copy = torch.ones_like(source)
    return 2 * num_bytes / _best(lambda: copy.copy_(source), device)


def _best(function: Callable[[], object], device: torch.device) -> float:
    return min(seconds(function, device) for _ in range(_TRIES))


def _disk_read_bytes_per_s() -> float:
    with tempfile.NamedTemporaryFile() as file:
        file.write(os.urandom(2**20) * (_FILE_BYTES // 2**20))
        file.flush()
        os.fsync(file.fileno())
        return _FILE_BYTES / min(_uncached_read_s(file.fileno()) for _ in range(_TRIES))


def _uncached_read_s(descriptor: int) -> float:
    if hasattr(os, "posix_fadvise"):  # not on macOS, where the cache is read
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.lseek(descriptor, 0, os.SEEK_SET)
    started_s = time.perf_counter()
    while os.read(descriptor, 2**22):
        pass
    return time.perf_counter() - started_s
