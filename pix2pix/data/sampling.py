"""Choose the pairs of each training step, as pure functions of (seed, epoch, step).

A batch is shared by all workers. Their number decides which worker reads a pair, but not which
pairs belong to the batch.
"""

import numpy as np

from pix2pix.errors import UserError
from pix2pix.plural import counted


def epoch_order(seed: int, epoch: int, num_pairs: int) -> np.ndarray:
    """The permutation of 0..num_pairs-1 in which an epoch visits the pairs, (num_pairs,) int64."""
    return np.random.default_rng((seed, epoch)).permutation(num_pairs)


def num_global_batches(num_pairs: int, batch_size: int, *, crops_per_pair: int) -> int:
    """The number of steps per epoch.

    Crops that do not fill a last batch are not used in that epoch; each epoch has another order.
    Raises UserError if there are fewer than batch_size.
    """
    num_crops = num_pairs * crops_per_pair
    if num_crops < batch_size:
        crops = "" if crops_per_pair == 1 else f" with {crops_per_pair} crops each"
        there = f"{counted(num_pairs, 'training pair')}{crops}"
        raise UserError(
            f"train.batch_size ({batch_size}) exceeds the {there}, so an epoch has no step: set "
            f"train.batch_size to {num_crops} or less, or add pairs"
        )
    return num_crops // batch_size


def check_shares(batch_size: int, *, rank: int, world_size: int) -> None:
    """Raise UserError if a batch has fewer pairs than there are workers; ValueError for a bad rank.

    batch_size need not be a multiple of world_size: a training may continue with another number of
    workers, but always with the same batch_size.
    """
    if batch_size < world_size:
        raise UserError(
            f"train.batch_size ({batch_size}) leaves some of the {world_size} workers "
            "without a pair: raise it or lower train.num_workers"
        )
    if not 0 <= rank < world_size:
        raise ValueError(f"rank must be in 0..{world_size - 1}, got {rank}")
