"""What a running training is asked to do: to stop, or to save before a node is taken away."""

import time

import ray.train
import ray.train.collective

from pipelines.cluster.mailbox import WorkerConsole
from pix2pix.training import Request, StepProgress
from pix2pix.training.distributed import rank

_CHECK_INTERVAL_S = 5.0  # clouds announce a preemption at least 30 s before it


class Requests:
    """Called after each step on every rank: sends the progress, and returns what is asked for."""

    def __init__(self, console: WorkerConsole) -> None:
        self._console = console
        self._preemptions = _Preemptions()

    def __call__(self, progress: StepProgress) -> Request:
        """Return what this rank is asked to do; the loop then agrees with the other ranks."""
        is_preempted = self._preemptions.check_after_step()
        if rank() == 0 and self._console(progress):
            return Request.STOP
        return Request.SAVE if is_preempted else Request.NONE


class _Preemptions:
    """Asks Ray, on all ranks at the same step, whether a node will be taken away.

    All ranks wait for each other when they ask, so they have to agree at which step they ask next:
    rank 0 decides by its clock.
    """

    def __init__(self) -> None:
        self._num_steps = 0
        self._next_check_step = 1
        self._last_check_step, self._last_check_s = 0, time.monotonic()
        self._known: object = None  # the last announcement of Ray

    def check_after_step(self) -> bool:
        """Count a step. Returns whether Ray has announced a preemption since it was last asked."""
        self._num_steps += 1
        if self._num_steps < self._next_check_step:
            return False
        info = ray.train.get_preemption_info()
        num_steps = ray.train.collective.broadcast_from_rank_zero(self._steps_until_next_check())
        self._next_check_step += num_steps
        is_new = info is not None and info != self._known
        self._known = info
        return is_new

    def _steps_until_next_check(self) -> int:
        """Return how many steps fit into the interval at the speed since the last check."""
        now_s = time.monotonic()
        elapsed_s, self._last_check_s = now_s - self._last_check_s, now_s
        num_steps = self._num_steps - self._last_check_step
        self._last_check_step = self._num_steps
        return max(1, round(num_steps / max(elapsed_s, 1e-3) * _CHECK_INTERVAL_S))
