"""What Ray Tune keeps of trials, as trials of this project: one folder per trial."""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ray.tune import ResultGrid

from pipelines.runs.folder import Folder
from pipelines.runs.history import from_json
from pix2pix.config import Params
from pix2pix.tuning.space import readable_values, total_epochs
from pix2pix.tuning.trials import Exchange, Purpose, Trial

TRIAL = "trial"  # key of Ray's config: purpose, seed and values of the trial
PARENT = "tune/parent"  # number of the trial whose state this one has copied
COPIED_EPOCH = "tune/copied_epoch"  # the epoch of that state
_CONFIG_FILE = "params.json"
_METRICS = ("train/", "dev/", "perf/")
_REASON_CHARACTERS = 200  # Ray's last line may be long


def trial_name(number: int) -> str:
    """Return the name of a trial and of its folder."""
    return f"trial_{number:04d}"


def trial_number(name: str) -> int:
    """Return the number of the trial of this name."""
    return int(name.removeprefix("trial_"))


def trial_folder(study: Folder, purpose: Purpose, number: int) -> Folder:
    """Return the folder in which Ray Tune and the trial itself keep the files of a trial."""
    return study / experiment_of(purpose) / trial_name(number)


def experiment_of(purpose: Purpose) -> str:
    """Return the name of Ray Tune's experiment that has the trials of this purpose."""
    return "search" if purpose == "search" else "repeats"


def new_trial(number: int, config: Mapping[str, Any], params: Params, *, started_s: float) -> Trial:
    """Return a trial that has reported nothing yet; `config` is Ray's."""
    about = config[TRIAL]
    return Trial(
        number=number,
        purpose=about["purpose"],
        seed=about["seed"],
        values=readable_values(about["values"], params.tune.space),
        status="running",
        reason=None,
        started_s=started_s,
        history=(),
    )


def with_report(trial: Trial, report: Mapping[str, Any], params: Params) -> Trial:
    """Return the trial with one more epoch, as Ray Tune has recorded it.

    An epoch that was trained again, after a process was lost, takes the place of its first try.
    """
    values = readable_values(report["config"][TRIAL]["values"], params.tune.space)
    exchanges = trial.exchanges
    if PARENT in report:
        step = Exchange(epoch=report[COPIED_EPOCH], parent=report[PARENT], before=trial.values)
        if (step.epoch, step.parent) not in [(each.epoch, each.parent) for each in exchanges]:
            exchanges = (*exchanges, step)
    measured = {key: value for key, value in report.items() if key.startswith(_METRICS)}
    at = {"epoch": report["epoch"], "time_s": report.get("time_s", report["timestamp"])}
    record = from_json(at | measured)
    records = {each["epoch"]: each for each in trial.history} | {record["epoch"]: record}
    history = tuple(records[epoch] for epoch in sorted(records))
    return replace(trial, values=values, exchanges=exchanges, history=history)


def ended(trial: Trial, params: Params) -> Trial:
    """Return a trial that ended without an error: finished, or stopped early by ASHA."""
    if trial.num_epochs >= total_epochs(params):
        return replace(trial, status="finished")
    reason = f"ASHA: behind the others after epoch {trial.num_epochs}"
    return replace(trial, status="stopped", reason=reason)


def failed(trial: Trial, error: str) -> Trial:
    """Return a trial that failed; the last line of `error` says why."""
    return replace(
        trial, status="failed", reason=error.strip().splitlines()[-1][:_REASON_CHARACTERS]
    )


def read_trials(grid: ResultGrid, params: Params) -> list[Trial]:
    """Return the trials of an experiment that has ended, by number.

    A trial whose process could not be started has no files, and is left out.
    """
    trials = []
    for result in (grid[index] for index in range(len(grid))):
        parent, _, name = result.path.rpartition("/")
        folder = Folder(result.filesystem, parent) / name
        if not folder.has(_CONFIG_FILE):
            continue
        trial = read_trial(folder, params)
        error = result.error
        trials.append(ended(trial, params) if error is None else failed(trial, str(error)))
    return sorted(trials, key=lambda trial: trial.number)


def read_trial(folder: Folder, params: Params) -> Trial:
    """Return the trial of a folder, with all that it has reported."""
    lines = folder.read("result.json").decode().splitlines() if folder.has("result.json") else []
    reports = [json.loads(line) for line in lines]
    number = trial_number(folder.path.rpartition("/")[2])
    config, started_s = json.loads(folder.read(_CONFIG_FILE)), time.time()
    if reports:  # later configurations come from exchanges
        config, started_s = (
            reports[0]["config"],
            reports[0]["timestamp"] - reports[0]["time_total_s"],
        )
    trial = new_trial(number, config, params, started_s=started_s)
    for report in reports:
        trial = with_report(trial, report, params)
    return trial
