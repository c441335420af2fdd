"""One training step whose report is read at once."""

from typing import Any

from torch import Tensor

from pix2pix.config import TrainConfig
from pix2pix.training import StepLosses, TrainState, train_step
from pix2pix.training.late_check import Before, LateCheck


def checked_step(
    state: TrainState, source: Tensor, target: Tensor, config: TrainConfig, **options: Any
) -> StepLosses:
    """Make a step and wait for it. Raises NonFiniteLossError as `fit` does, a step earlier."""
    check, before = LateCheck(state), Before.of(state)
    step = train_step(state, source, target, config, **options)
    check.add(before, None, step.report)
    check.settle()
    return step.losses
