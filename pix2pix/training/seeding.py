"""A run is a function of (seed, position): random state is set, never carried along."""

import numpy as np
import torch


def seed_networks(seed: int) -> None:
    """Before the networks are built: equal weights on every rank."""
    torch.manual_seed(seed)


def seed_step(seed: int, step: int, rank: int) -> None:
    """Before a training step: dropout that differs by step and rank and repeats on resuming."""
    state = np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint64)
    torch.manual_seed(int(state[0]))
