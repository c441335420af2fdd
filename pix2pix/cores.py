"""The processor cores of this machine that the process may use."""

import os


def num_cores() -> int:
    """Cores that this process may use: fewer than the machine has in a container or a job."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
