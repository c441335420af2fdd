"""The control groups of this process, by which containers and schedulers limit it (Linux)."""

from collections.abc import Iterator
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")


def control_groups() -> Iterator[Path]:
    """The folder of each control group (version 2) of this process, from its own to the root.

    Each of them may have limits. There are none on other systems and with version 1.
    """
    try:
        name = _OWN.read_text().strip().rpartition("::/")[2]
    except OSError:
        return
    own = _ROOT / name
    for group in [own, *own.parents]:
        if not group.is_relative_to(_ROOT):
            return
        yield group
