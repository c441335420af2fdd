"""The memory of a process of a benchmark."""

from pathlib import Path


def peak_bytes() -> int:
    """The most that was resident of this process (Linux).

    `ru_maxrss` of `getrusage` would include what the parent process had.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    kib = next(line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(kib) * 2**10
