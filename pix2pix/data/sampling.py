"""Which pairs a step trains on: pure functions of (seed, epoch, step), whatever was drawn before.

The batch is global: how many workers share it changes who reads a pair, not which pairs are read.
"""

import numpy as np

from pix2pix.errors import UserError


def epoch_order(seed: int, epoch: int, num_pairs: int) -> np.ndarray:
    """The permutation of 0..num_pairs-1 in which an epoch visits the pairs, (num_pairs,) int64."""
    return np.random.default_rng((seed, epoch)).permutation(num_pairs)


def num_global_batches(num_pairs: int, batch_size: int) -> int:
    """Steps per epoch; pairs that do not fill a last batch wait for another epoch's order.

    Raises UserError if there is not even one batch.
    """
    if num_pairs < batch_size:
        raise UserError(
            f"train.batch_size ({batch_size}) exceeds the {num_pairs} training pairs, so an epoch "
            "has no step: lower batch_size or add pairs"
        )
    return num_pairs // batch_size


def share_of_batch(
    order: np.ndarray, step: int, *, batch_size: int, rank: int, world_size: int
) -> np.ndarray:
    """The positions that worker `rank` of `world_size` reads for global batch `step` of `order`.

    Shares differ by at most one pair, and each worker's has the same size in every step.
    """
    batch = order[step * batch_size : (step + 1) * batch_size]
    return batch[rank::world_size]


def check_shares(batch_size: int, *, rank: int, world_size: int) -> None:
    """Raises UserError unless a batch has a pair for each of world_size workers, rank among them.

    It need not be a multiple of world_size: that changes while a training runs, the batch does not.
    """
    if batch_size < world_size:
        raise UserError(
            f"train.batch_size ({batch_size}) leaves some of the {world_size} workers "
            "without a pair: raise it or lower train.num_workers"
        )
    if not 0 <= rank < world_size:
        raise ValueError(f"rank must be in 0..{world_size - 1}, got {rank}")
