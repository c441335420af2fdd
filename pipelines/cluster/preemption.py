"""What a running training is asked to do: to stop, or to save before a node is taken away."""

import time

import ray.train
import ray.train.collective

from pipelines.cluster.mailbox import WorkerConsole
from pix2pix.training import Request, StepProgress
from pix2pix.training.distributed import rank

_LOOK_S = 5.0  # between two questions; clouds announce a preemption 30 s before it, or earlier


class Requests:
    """Called after each step on every rank: sends the progress, and returns what is asked for."""

    def __init__(self, console: WorkerConsole) -> None:
        self._console = console
        self._preemptions = _Preemptions()

    def __call__(self, progress: StepProgress) -> Request:
        """Return what this rank is asked to do; the loop then agrees with the other ranks."""
        is_preempted = self._preemptions.is_new_one()
        if rank() == 0 and self._console(progress):
            return Request.STOP
        return Request.SAVE if is_preempted else Request.NONE


class _Preemptions:
    """Asks Ray, on all ranks at the same step, whether a node will be taken away.

    All ranks wait for each other in this question, so they have to agree at which step the next one
    is due: the clock of rank 0 decides.
    """

    def __init__(self) -> None:
        self._num_steps = 0
        self._next_look = 1
        self._looked_at, self._looked_s = 0, time.monotonic()
        self._known: object = None

    def is_new_one(self) -> bool:
        """Count a step. Returns whether Ray has announced a preemption since the last question."""
        self._num_steps += 1
        if self._num_steps < self._next_look:
            return False
        info = ray.train.get_preemption_info()
        self._next_look += ray.train.collective.broadcast_from_rank_zero(self._steps_until_next())
        is_new = info is not None and info != self._known
        self._known = info
        return is_new

    def _steps_until_next(self) -> int:
        now_s = time.monotonic()
        since_s, self._looked_s = now_s - self._looked_s, now_s
        since, self._looked_at = self._num_steps - self._looked_at, self._num_steps
        return max(1, round(since / max(since_s, 1e-3) * _LOOK_S))
