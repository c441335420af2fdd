"""The learning rate as a function of the epoch alone, so that it needs no state."""

from torch import Tensor
from torch.optim import Optimizer

from pix2pix.config import TrainConfig


def learning_rate(epoch: int, config: TrainConfig) -> float:
    """Return the learning rate in the 0-based `epoch`: first constant, then falling linearly.

    This is the policy `linear` of the published PyTorch code. The rate of the last epoch is
    1 / (num_decay_epochs + 1) of the first one.
    """
    decayed = max(0, epoch + 1 - config.num_epochs)
    return config.learning_rate * (1.0 - decayed / (config.num_decay_epochs + 1))


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Set the learning rate of every parameter group."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)  # a CUDA graph reads this tensor
        else:
            group["lr"] = rate
