"""What trials gave: their scores, the best of them, and the front where there are two scores."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

from pix2pix.config import Objective, Value
from pix2pix.errors import UserError

Purpose = Literal["search", "winner", "default"]  # the last two: run again on other seeds
Status = Literal["running", "finished", "stopped", "failed"]
Record = Mapping[str, float]  # of an epoch


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchange:
    """A trial of a population went on from the state of a better one, with other values."""

    epoch: int  # after which
    parent: int  # number of the better trial
    before: Mapping[str, Value]  # what it had until then


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """A training with some values of the parameters that vary."""

    number: int
    purpose: Purpose
    seed: int
    values: Mapping[str, Value]  # by dotted key; of a population, those it has at present
    status: Status
    reason: str | None  # why it was stopped or failed
    started_s: float
    history: tuple[Record, ...]  # by epoch
    exchanges: tuple[Exchange, ...] = ()  # by epoch

    @property
    def num_epochs(self) -> int:
        """Epochs that are done."""
        return int(self.history[-1]["epoch"]) if self.history else 0

    @property
    def first_values(self) -> Mapping[str, Value]:
        """Those it began with."""
        return self.exchanges[0].before if self.exchanges else self.values


def score_names(objective: Objective) -> tuple[str, ...]:
    """The metrics of a record that are to be low."""
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
    """The lowest dev L1 of the epochs that may be kept; of all, if it did not get that far.

    What is not finite is no score. Epochs before the last exchange do not count: their networks are
    gone, and so are their values.
    """
    start = trial.exchanges[-1].epoch if trial.exchanges else 0
    scored = [record for record in trial.history if record["epoch"] > start and "dev/l1" in record]
    kept = [record for record in scored if record["epoch"] >= first_epoch] or scored
    finite = (record["dev/l1"] for record in kept if math.isfinite(record["dev/l1"]))
    return min(finite, default=None)


def scores(trial: Trial, objective: Objective, *, first_epoch: int) -> tuple[float, ...] | None:
    """What the trial is judged by, all finite; None unless it finished and has that."""
    l1 = best_l1(trial, first_epoch=first_epoch)
    if trial.status != "finished" or l1 is None:
        return None
    others = [trial.history[-1].get(name) for name in score_names(objective)[1:]]
    known = [other for other in others if other is not None and math.isfinite(other)]
    return (l1, *known) if len(known) == len(others) else None


def front(trials: Sequence[Trial], objective: Objective, *, first_epoch: int) -> list[Trial]:
    """The finished trials that no other beats in one score without losing in another, by dev L1.

    With one score these are those with the lowest. Raises UserError if no trial finished.
    """
    scored = [
        (found, trial)
        for trial in trials
        if (found := scores(trial, objective, first_epoch=first_epoch)) is not None
    ]
    if not scored:
        raise UserError(f"no trial finished: {_first_reason(trials)}")
    best = [
        (found, trial)
        for found, trial in scored
        if not any(_dominates(other, found) for other, _ in scored)
    ]
    return [trial for _, trial in sorted(best, key=lambda pair: (pair[0], pair[1].number))]


def _dominates(one: tuple[float, ...], two: tuple[float, ...]) -> bool:
    return one != two and all(first <= second for first, second in zip(one, two, strict=True))


def _first_reason(trials: Sequence[Trial]) -> str:
    if any(trial.status == "finished" for trial in trials):
        return "those that came to their end have no finite score"
    return next((trial.reason for trial in trials if trial.reason), "there was none")
