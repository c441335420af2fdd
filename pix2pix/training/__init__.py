"""Training: losses, one step, the loop that yields epochs, and what makes a run resumable."""

from pix2pix.training.loop import EpochResult, StepProgress, TrainingData, fit
from pix2pix.training.state import TrainState, new_state
from pix2pix.training.step import NonFiniteLossError, StepLosses, train_step

__all__ = [
    "EpochResult",
    "NonFiniteLossError",
    "StepLosses",
    "StepProgress",
    "TrainState",
    "TrainingData",
    "fit",
    "new_state",
    "train_step",
]
