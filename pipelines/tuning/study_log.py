"""The trials of a study, one file each, written before anything is made of what they say.

What a study needs to go on is in these files and in the trials' own checkpoints. Ray Tune's record
of its trials is not used: it is written every ten seconds, not when something happens, and it lacks
what a scheduler has decided by.
"""

import dataclasses
import json
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from pipelines.runs.folder import Folder
from pipelines.runs.history import as_json, from_json
from pipelines.runs.state import CHECKPOINTS_FOLDER
from pix2pix.config import Value
from pix2pix.tuning.trials import Exchange, Purpose, Status, Trial

_TRIALS_FOLDER = "trials"
_METRICS = ("train/", "dev/", "perf/")

logger = logging.getLogger(__name__)


class StudyLog:
    """All trials there are; `listen` hears of each change."""

    def __init__(self, folder: Folder, listen: Callable[[Trial], None]) -> None:
        self._folder, self._listen = folder, listen
        self._trials = {trial.number: trial for trial in read_trials(folder)}

    def trials(self, *purposes: Purpose) -> list[Trial]:
        """Those of these purposes, by number."""
        found = (trial for trial in self._trials.values() if trial.purpose in purposes)
        return sorted(found, key=lambda trial: trial.number)

    def begin(self, *, purpose: Purpose, seed: int, values: Mapping[str, Value]) -> Trial:
        """A new trial, which has the next number."""
        trial = Trial(
            number=len(self._trials),
            purpose=purpose,
            seed=seed,
            values=dict(values),
            status="running",
            reason=None,
            started_s=time.time(),
            history=(),
        )
        self._keep(trial)
        return trial

    def trial(self, number: int) -> Trial:
        """The trial of that number, as it is now."""
        return self._trials[number]

    def epoch(self, number: int, metrics: Mapping[str, Any]) -> None:
        """Add what an epoch gave, or more of it. An epoch that comes again stays as it was."""
        trial = self._trials[number]
        records = {record["epoch"]: record for record in trial.history}
        epoch = int(metrics["epoch"])
        measured = {key: value for key, value in metrics.items() if key.startswith(_METRICS)}
        at = {"epoch": epoch, "time_s": float(metrics.get("time_s", time.time()))}
        records[epoch] = at | measured | dict(records.get(epoch, {}))
        history = tuple(records[epoch] for epoch in sorted(records))
        if history != trial.history:
            self._keep(dataclasses.replace(trial, history=history))

    def exchange(
        self, number: int, *, epoch: int, parent: int, values: Mapping[str, Value]
    ) -> None:
        """Note that a trial goes on from the state of another, with other values."""
        trial = self._trials[number]
        step = Exchange(epoch=epoch, parent=parent, before=trial.values)
        exchanges = (*trial.exchanges, step)
        self._keep(dataclasses.replace(trial, values=dict(values), exchanges=exchanges))

    def end(self, number: int, status: Status, reason: str | None = None) -> Trial:
        """Say how a trial ended; its checkpoints go, as nothing continues it."""
        trial = dataclasses.replace(self._trials[number], status=status, reason=reason)
        self._keep(trial)
        with suppress(OSError):  # not there, or a stopped process is still writing
            (trial_folder(self._folder, number) / CHECKPOINTS_FOLDER).remove_all()
        return trial

    def _keep(self, trial: Trial) -> None:
        data = json.dumps(trial_json(trial), allow_nan=False).encode()
        (self._folder / _TRIALS_FOLDER).write(_file_name(trial.number), data)
        self._trials[trial.number] = trial
        self._listen(trial)


def read_trials(folder: Folder) -> list[Trial]:
    """The trials of a study, by number."""
    place = folder / _TRIALS_FOLDER
    names = sorted(name for name in place.names() if name.endswith(".json"))
    return [_parsed(json.loads(place.read(name))) for name in names]


def trial_json(trial: Trial) -> dict[str, Any]:
    """A trial as JSON can hold it."""
    history = [as_json(record) for record in trial.history]
    return dataclasses.asdict(trial) | {"history": history}


def trial_folder(study: Folder, number: int) -> Folder:
    """Where a trial keeps its checkpoints and its pictures."""
    return study / f"trial_{number:04d}"


def _file_name(number: int) -> str:
    return f"trial_{number:04d}.json"


def _parsed(mapping: dict[str, Any]) -> Trial:
    exchanges = tuple(Exchange(**each) for each in mapping["exchanges"])
    history = tuple(from_json(record) for record in mapping["history"])
    return Trial(**mapping | {"history": history, "exchanges": exchanges})
