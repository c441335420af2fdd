"""The processor cores of this machine that the process may use."""

import math
import os
from collections.abc import Iterator

from pix2pix.control_groups import control_groups


def num_cores() -> int:
    """Cores that this process may use: fewer than the machine has in a container or a job.

    This is the smaller of the cores that it may run on and the processor time that its control
    groups grant (`docker --cpus`, limits of Kubernetes), of which a part of a core counts as one.
    """
    return min([_cores_to_run_on(), *_granted()])


def _cores_to_run_on() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _granted() -> Iterator[int]:
    """The cores of each control group that limits them."""
    for group in control_groups():
        try:
            quota, period = (group / "cpu.max").read_text().split()
        except OSError:  # the root group has no limit
            continue
        if quota != "max":
            yield math.ceil(int(quota) / int(period))
