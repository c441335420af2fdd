"""Trials of a study that nothing trained, to be counted, compared and shown."""

import dataclasses

from pix2pix.tuning.trials import Record, Trial


def make_trial(number: int, *history: Record, **changes: object) -> Trial:
    """A finished trial of the search, with these records; `changes` are to its other fields."""
    trial = Trial(
        number=number,
        purpose="search",
        seed=0,
        values={},
        status="finished",
        reason=None,
        started_s=0.0,
        history=history,
    )
    return dataclasses.replace(trial, **changes)
