"""Which epoch of a training is kept: the one with the lowest dev L1, from a first epoch on.

A dev L1 that is not finite does not count: it is never the lowest.
"""

import math
from collections.abc import Sequence

from pix2pix.config import TrainConfig
from pix2pix.errors import UserError
from pix2pix.training.state import Best, Record


def scores_by_epoch(history: Sequence[Record], config: TrainConfig) -> dict[int, float]:
    """Return the finite dev L1 of each epoch that may be kept."""
    return {
        int(record["epoch"]): record["dev/l1"]
        for record in history
        if record["epoch"] >= config.best_from_epoch and math.isfinite(record["dev/l1"])
    }


def is_better(l1: float, history: Sequence[Record], config: TrainConfig) -> bool:
    """Return whether this dev L1 is lower than that of every earlier epoch that may be kept."""
    return math.isfinite(l1) and all(
        l1 < earlier for earlier in scores_by_epoch(history, config).values()
    )


def stops_early(history: Sequence[Record], config: TrainConfig) -> bool:
    """Return whether the last `early_stopping_epochs` epochs brought no lower dev L1.

    Epochs before `best_from_epoch` do not count.
    """
    if config.early_stopping_epochs is None or not history:
        return False
    last = history[-1]["epoch"]
    scores = scores_by_epoch(history, config)
    best = min(scores, key=lambda epoch: scores[epoch]) if scores else config.best_from_epoch
    return last - best >= config.early_stopping_epochs


def is_finished(history: Sequence[Record], config: TrainConfig) -> bool:
    """Return whether a training with this history is finished."""
    is_at_end = bool(history) and history[-1]["epoch"] >= config.total_epochs
    return is_at_end or stops_early(history, config)


def kept(best: Best | None, config: TrainConfig) -> Best:
    """Return the networks that a finished training keeps.

    Raises UserError if there is none: no epoch that may be kept has a finite dev L1.
    """
    if best is None:
        raise UserError(
            f"dev L1 was not finite in any epoch from train.best_from_epoch "
            f"({config.best_from_epoch}) on, so that there is no model to keep: the networks give "
            "infinite or undefined values on the dev split. Lower train.learning_rate, or set "
            "train.precision: float32"
        )
    return best
