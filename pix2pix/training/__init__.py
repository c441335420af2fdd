"""Training: losses, one step, the loop that yields epochs, and a state that can be saved.

Receives batches and reads no data. Start with `step.train_step`, then `loop.fit`.
"""

from pix2pix.training.finite import NonFiniteLossError
from pix2pix.training.loop import (
    DevSet,
    EpochResult,
    Request,
    SavePoint,
    fit,
)
from pix2pix.training.losses import StepLosses
from pix2pix.training.pace import StepProgress
from pix2pix.training.profile import Profile
from pix2pix.training.state import Best, TrainState, new_state
from pix2pix.training.step import Step, train_step

__all__ = [
    "Best",
    "DevSet",
    "EpochResult",
    "NonFiniteLossError",
    "Profile",
    "Request",
    "SavePoint",
    "Step",
    "StepLosses",
    "StepProgress",
    "TrainState",
    "fit",
    "new_state",
    "train_step",
]
