"""Set random states by the seed and the step, so that a training can be continued exactly."""

import numpy as np
import torch


def seed_step(seed: int, step: int, rank: int) -> None:
    """Seed torch before a training step: dropout differs by step and rank, and can be repeated."""
    state = np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint64)
    torch.manual_seed(int(state[0]))
