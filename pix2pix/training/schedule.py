"""The learning rate as a function of the epoch alone, so that it needs no state."""

from torch.optim import Optimizer

from pix2pix.config import TrainConfig


def learning_rate(epoch: int, config: TrainConfig) -> float:
    """Rate during 0-based `epoch`: constant, then linear towards zero.

    The published PyTorch code's `linear` policy; the last epoch still learns, at
    1 / (num_decay_epochs + 1) of the rate.
    """
    decayed = max(0, epoch + 1 - config.num_epochs)
    return config.learning_rate * (1.0 - decayed / (config.num_decay_epochs + 1))


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Make `rate` the rate of every parameter group."""
    for group in optimizer.param_groups:
        group["lr"] = rate
