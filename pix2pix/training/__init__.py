"""Training: losses, one step, the loop that yields epochs, and what makes a run resumable."""

from pix2pix.training.loop import Batches, DevSet, EpochResult, StepProgress, fit
from pix2pix.training.state import TrainState, new_state
from pix2pix.training.step import NonFiniteLossError, StepLosses, train_step

__all__ = [
    "Batches",
    "DevSet",
    "EpochResult",
    "NonFiniteLossError",
    "StepLosses",
    "StepProgress",
    "TrainState",
    "fit",
    "new_state",
    "train_step",
]
