"""Choose the device of a single process; Ray chooses the devices of training workers."""

import torch


def best_device() -> torch.device:
    """Return the first GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
