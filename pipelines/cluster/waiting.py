"""What is said while a training or a study waits for room on a busy cluster."""

from typing import Any

import ray
from ray.util import placement_group_table

from pix2pix.plural import counted

SILENCE_S = 30.0  # a long wait or a long epoch has a line at least this often


def waiting_line() -> str:
    """Say what workers and trials that have not begun wait for. Ray itself waits without a word.

    Ray counts their CPUs as taken from the moment on that it has room for them. What is free then
    says nothing of them.
    """
    if _has_room():
        return "Ray has made room for it, and it is starting"
    free: dict[str, float] = ray.available_resources()  # type: ignore[no-untyped-call]
    return (
        "it is starting, or Ray has no room for it yet "
        f"(free at present: {counted(free.get('CPU', 0), 'CPU')}, "
        f"{counted(free.get('GPU', 0), 'GPU')})"
    )


def _has_room() -> bool:
    """Whether Ray holds resources for this process: a placement group, as Train and Tune ask for.

    The id of a placement group ends with that of its job, which is this process.
    """
    groups: dict[str, dict[str, Any]] = placement_group_table()
    job = ray.get_runtime_context().get_job_id()
    return any(id.endswith(job) and each["state"] == "CREATED" for id, each in groups.items())
