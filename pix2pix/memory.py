"""Measure the available memory, and raise one clear error if it does not suffice."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil

from pix2pix.control_groups import control_groups
from pix2pix.errors import UserError

if TYPE_CHECKING:  # importing torch takes a second: preparing data needs none
    import torch

GIB = 2**30
# Parts of the messages of torch, oneDNN and OpenCV when memory is exhausted: they have no special
# exception class for the CPU's.
_WORDS = (
    "allocate memory",
    "not enough memory",
    "out of memory",
    "bad_alloc",
    "insufficient memory",
)


def available_bytes(device: "torch.device") -> int:
    """The bytes that this process can still allocate on `device`.

    For the CPU this is the smallest of what the machine, the container and `ulimit -v` allow.
    """
    if device.type == "cuda":
        import torch

        free, _ = torch.cuda.mem_get_info(device)
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(free) + int(kept)
    return max(0, min([psutil.virtual_memory().available, *_container(), *_address_space()]))


def allowed_bytes(device: "torch.device", max_memory_gib: float | None = None) -> int:
    """The bytes that this process may still allocate on `device`.

    `max_memory_gib` limits all that the process takes there, with what it already has.
    """
    available = available_bytes(device)
    if max_memory_gib is None:
        return available
    return max(0, min(available, round(max_memory_gib * GIB) - _taken_bytes(device)))


def _taken_bytes(device: "torch.device") -> int:
    if device.type == "cuda":
        import torch

        return int(torch.cuda.memory_allocated(device))
    return int(psutil.Process().memory_info().rss)


@contextmanager
def enough_memory(
    needed_bytes: int, allowed: int, *, what: str, max_memory_gib: float | None = None
) -> Iterator[None]:
    """Raise UserError if `what` needs more than what `allowed_bytes` has given for the limit.

    It is raised before the block runs if `needed_bytes` is too much, and also if the block itself
    runs out of memory.
    """
    if needed_bytes > allowed:
        needed, left = bytes_text(needed_bytes), bytes_text(allowed)
        needs = f"{what} needs about {needed} of memory and {left} are"
        if max_memory_gib is None:
            raise UserError(
                f"{needs} available; {_REMEDY}", for_sender=f"{needs} available; {_SENDER_REMEDY}"
            )
        raise UserError(
            f"{needs} left: max_memory_gib is {max_memory_gib:g}, and the program itself has taken "
            f"a part of it; raise it, {_REMEDY}",
            for_sender=f"{needs} left; {_SENDER_REMEDY}",
        )
    with no_traceback_of_memory(what):
        yield


def bytes_text(num_bytes: int) -> str:
    """A number of bytes for people: 20 MiB or 1.5 GiB."""
    if num_bytes < GIB // 10:
        return f"{num_bytes / 2**20:.0f} MiB"
    return f"{num_bytes / GIB:.1f} GiB"


@contextmanager
def no_traceback_of_memory(what: str) -> Iterator[None]:
    """Turn an out-of-memory error of any library into a UserError about `what`."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if not _is_of_memory(error):
            raise
        needs = f"{what} needs more memory than is available"
        raise UserError(f"{needs}; {_REMEDY}", for_sender=f"{needs}; {_SENDER_REMEDY}") from None


_REMEDY = "scale it down, cut it into parts, or use a machine with more memory"
_SENDER_REMEDY = "scale it down or cut it into parts"


def _is_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or any(word in str(error).lower() for word in _WORDS)


def _container() -> Iterator[int]:
    """The bytes left below the limit of each control group of this process."""
    for group in control_groups():
        try:
            limit = (group / "memory.max").read_text().strip()
            used = int((group / "memory.current").read_text())
            statistics = dict(
                line.split() for line in (group / "memory.stat").read_text().splitlines()
            )
        except OSError:  # the root group has no limit
            continue
        if limit != "max":
            # The kernel frees unused pages of the file cache when memory is short.
            yield int(limit) - used + int(statistics.get("inactive_file", 0))


def _address_space() -> Iterator[int]:
    """The bytes left below `ulimit -v`, if it is set."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        yield limit - psutil.Process().memory_info().vms
