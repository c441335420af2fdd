"""The lineage of a trial of a population: which trials trained its networks, with what values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pix2pix.config import Value
from pix2pix.tuning.trials import Trial


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """Consecutive epochs that one trial trained with the same values."""

    first_epoch: int
    last_epoch: int
    number: int  # of the trial that trained them
    values: Mapping[str, Value]


def lineage(trial: Trial, trials: Sequence[Trial]) -> list[Span]:
    """Return which trials trained the networks of `trial`, with what values, by epochs.

    `trials` are all trials of the population: the trial may have copied the state of another one,
    which may itself have copied the state of a third one before.
    """
    by_number = {each.number: each for each in trials}
    return _spans(trial, by_number, until=trial.num_epochs)


def _spans(trial: Trial, by_number: Mapping[int, Trial], *, until: int) -> list[Span]:
    earlier = [exchange for exchange in trial.exchanges if exchange.epoch < until]
    later = [exchange for exchange in trial.exchanges if exchange.epoch >= until]
    values = later[0].before if later else trial.values
    start = earlier[-1].epoch if earlier else 0
    own = Span(first_epoch=start + 1, last_epoch=until, number=trial.number, values=values)
    if not earlier:
        return [own]
    return [*_spans(by_number[earlier[-1].parent], by_number, until=start), own]
