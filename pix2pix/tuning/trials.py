"""The results of the trials of a study, and the scores by which trials are compared."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

from pix2pix.config import Objective, Value

Purpose = Literal["search", "winner", "default"]  # the last two: run again on other seeds
Status = Literal["running", "finished", "stopped", "failed"]
Record = Mapping[str, float]  # of an epoch


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchange:
    """An exchange: a trial of a population continued from a better trial's state and new values."""

    epoch: int  # the exchange was after this epoch
    parent: int  # number of the better trial
    before: Mapping[str, Value]  # values of the trial until then


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """A training with some values of the parameters that vary."""

    number: int
    purpose: Purpose
    seed: int
    values: Mapping[str, Value]  # by dotted key; in a population, the current ones
    status: Status
    reason: str | None  # why it was stopped or failed
    started_s: float
    history: tuple[Record, ...]  # by epoch
    exchanges: tuple[Exchange, ...] = ()  # by epoch

    @property
    def num_epochs(self) -> int:
        """The number of finished epochs."""
        return int(self.history[-1]["epoch"]) if self.history else 0

    @property
    def first_values(self) -> Mapping[str, Value]:
        """The values with which the trial began."""
        return self.exchanges[0].before if self.exchanges else self.values


def score_names(objective: Objective) -> tuple[str, ...]:
    """Return the names of the metrics that the objective minimises."""
    match objective:
        case "l1":
            return ("dev/l1",)
        case "l1_and_frechet":
            return ("dev/l1", "dev/frechet")
        case "l1_and_kid":
            return ("dev/l1", "dev/kid")
        case _:
            assert_never(objective)


def best_l1(trial: Trial, *, first_epoch: int) -> float | None:
    """Return the lowest dev L1 that counts for the trial; None if it has no finite one.

    Epochs before the last exchange do not count: the networks of these epochs were replaced by
    those of another trial, and the values of the trial have changed as well.
    """
    start = trial.exchanges[-1].epoch if trial.exchanges else 0
    own = [record for record in trial.history if record["epoch"] > start]
    return lowest_l1(own, first_epoch=first_epoch)


def lowest_l1(history: Sequence[Record], *, first_epoch: int) -> float | None:
    """Return the lowest finite dev L1 from `first_epoch` on; before that epoch, of all epochs.

    The networks of epoch 0 are untrained and do not count.
    """
    scored = [record for record in history if record["epoch"] > 0 and "dev/l1" in record]
    kept = [record for record in scored if record["epoch"] >= first_epoch] or scored
    finite = (record["dev/l1"] for record in kept if math.isfinite(record["dev/l1"]))
    return min(finite, default=None)


def scores(trial: Trial, objective: Objective, *, first_epoch: int) -> tuple[float, ...] | None:
    """Return the finite scores of a finished trial, in the order of `score_names`; else None."""
    l1 = best_l1(trial, first_epoch=first_epoch)
    if trial.status != "finished" or l1 is None:
        return None
    others = [trial.history[-1].get(name) for name in score_names(objective)[1:]]
    known = [other for other in others if other is not None and math.isfinite(other)]
    return (l1, *known) if len(known) == len(others) else None
