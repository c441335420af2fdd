"""Where a single process computes; workers of a training are placed by Ray."""

import torch


def best_device() -> torch.device:
    """The first GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
