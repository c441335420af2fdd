"""What is said while a training or a study waits for room on a busy cluster."""

import ray

from pix2pix.plural import counted

SILENCE_S = 30.0  # a long wait or a long epoch has a line at least this often


def waiting_line() -> str:
    """Say what workers and trials that have not begun wait for. Ray itself waits without a word.

    While they start, Ray already counts their CPUs as taken.
    """
    free: dict[str, float] = ray.available_resources()  # type: ignore[no-untyped-call]
    return (
        "it is starting, or Ray has no room for it yet "
        f"(free at present: {counted(free.get('CPU', 0), 'CPU')}, "
        f"{counted(free.get('GPU', 0), 'GPU')})"
    )
