"""Reads what a step reports one step later, so that the device never waits for the host."""

from collections.abc import Callable
from typing import NamedTuple, Self

import torch
from torch import Tensor

from pix2pix.training.distributed import to_host
from pix2pix.training.finite import NonFiniteLossError, Report
from pix2pix.training.state import TrainState
from pix2pix.valid_pixels import PairBatch


class Before(NamedTuple):
    """What a step changes although its updates are skipped, as it was before the step."""

    step: int
    batch: int
    loss_sums: Tensor
    statistics: Tensor  # of batch norm, both networks, one after the other
    num_tracked: Tensor  # batches that each norm has seen

    @classmethod
    def of(cls, state: TrainState) -> Self:
        """Copy it from the state."""
        statistics, num_tracked = _buffers(state)
        return cls(
            state.step,
            state.batch,
            state.loss_sums,
            torch.cat([each.flatten() for each in statistics]) if statistics else torch.empty(0),
            torch.stack(num_tracked) if num_tracked else torch.empty(0),
        )

    @torch.no_grad()
    def put_back(self, state: TrainState) -> None:
        """Let the state be as it was, and updates be made again."""
        statistics, num_tracked = _buffers(state)
        sizes = [each.numel() for each in statistics]
        for each, values in zip(statistics, torch.split(self.statistics, sizes), strict=True):
            each.copy_(values.view_as(each))
        for each, value in zip(num_tracked, self.num_tracked, strict=True):
            each.copy_(value)
        state.step, state.batch, state.loss_sums = self.step, self.batch, self.loss_sums
        state.skipped.zero_()


def _buffers(state: TrainState) -> tuple[list[Tensor], list[Tensor]]:
    """The floating-point buffers of both networks, and the counters among them."""
    networks = (state.generator, state.discriminator)
    buffers = [buffer for network in networks for buffer in network.buffers()]
    return (
        [buffer for buffer in buffers if buffer.is_floating_point()],
        [buffer for buffer in buffers if not buffer.is_floating_point()],
    )


class _Pending(NamedTuple):
    """A step that has been started, and whose report has not been read."""

    before: Before
    batch: PairBatch
    report: Report  # its values are on their way to the host
    wait: Callable[[], None]  # until they are there


class LateCheck:
    """Checks each step after the next one has been started.

    `settle` checks the last one: the state must neither be saved nor scored before.
    """

    def __init__(self, state: TrainState) -> None:
        self._state = state
        self._pending: _Pending | None = None

    def add(self, before: Before, batch: PairBatch, report: Report) -> None:
        """Note a step that has been started, and check the one before it.

        Raises NonFiniteLossError with the batch as its `batch`. The state is then as it was before
        the step with this loss; only if the generator's loss alone was not finite, the
        discriminator has made its update of this step.
        """
        values, wait = to_host(report.values)
        earlier = self._pending
        self._pending = _Pending(before, batch, report._replace(values=values), wait)
        self._check(earlier)

    def settle(self) -> None:
        """Check the last step. Raises as `add` does."""
        earlier, self._pending = self._pending, None
        self._check(earlier)

    def _check(self, pending: _Pending | None) -> None:
        if pending is None:
            return
        pending.wait()
        try:
            pending.report.check(pending.before.step, self._state.device)
        except NonFiniteLossError as error:
            self._pending = None  # a later step was skipped, too
            pending.before.put_back(self._state)
            error.batch = pending.batch
            raise
