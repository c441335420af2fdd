"""A study of seconds under Ray, on the pairs of a small training."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
from ray import tune

from pipelines.runs.dataset import DatasetSource
from pipelines.runs.folder import open_folder
from pipelines.tuning.placement import choose_trial_placement
from pipelines.tuning.report import StudyResult
from pipelines.tuning.results import trial_number
from pipelines.tuning.study import run_study
from pipelines.tuning.trial import TrialJob
from pix2pix.config import Params, parse_params
from pix2pix.tuning.trials import Trial
from tests.support.small_training import small_training

NODE = {"CPU": 2.0}

SPACE = (
    {"key": "train.learning_rate", "kind": "loguniform", "low": 1e-5, "high": 1e-2},
    {"key": "train.lambda_l1", "kind": "choice", "values": [10.0, 100.0]},
)

POPULATION = {
    "scheduler": "pbt",
    "space": (
        {"key": "train.learning_rate", "kind": "loguniform", "low": 1e-5, "high": 1e-2},
        {"key": "train.beta1", "kind": "uniform", "low": 0.0, "high": 0.9},
    ),
    "num_trials": 4,
    "num_epochs": 6,
    "exchange_epochs": 2,
    "exchange_share": 0.5,
    "max_concurrent_trials": None,
}


def small_study(params: Params, **changes: Any) -> Params:
    """The parameters: three trials of three epochs, one at a time, none of them stopped early."""
    mapping = dataclasses.asdict(small_training(params))
    few = {
        "num_trials": 3,
        "num_epochs": 3,
        "num_random_trials": 5,
        "scheduler": "none",
        "max_concurrent_trials": 1,
        "num_seeds": 0,
    }
    mapping["tune"] |= {"space": SPACE, **few, **changes}
    return parse_params(mapping)


def run(
    params: Params,
    dataset: DatasetSource,
    folder: Path,
    callbacks: Sequence[tune.Callback] = (),
) -> StudyResult:
    """Run the study, or go on with the one that was begun in `folder`."""
    job = TrialJob(params=params, dataset=dataset, study=open_folder(str(folder)))
    return run_study(job, choose_trial_placement(params.tune, [NODE]), callbacks)


class Listener(tune.Callback):
    """Calls a function with the number and the epoch of each report, in the process of the test.

    Ray Tune pickles callbacks, and works with the original one until the study is restored.
    """

    def __init__(self, listen: Callable[[int, int], None]) -> None:
        self._listen: Callable[[int, int], None] | None = listen

    def __getstate__(self) -> dict[str, None]:
        return {"_listen": None}

    def on_trial_result(self, *_: Any, **info: Any) -> None:
        """Pass on which trial has come to which epoch."""
        if self._listen is not None:
            self._listen(trial_number(str(info["trial"])), info["result"]["epoch"])


def results(trials: list[Trial]) -> list[Any]:
    """What trials gave, without what the clock says."""
    return [
        (trial.number, trial.seed, dict(trial.values), trial.status, _steady(trial))
        for trial in trials
    ]


def _steady(trial: Trial) -> list[dict[str, float]]:
    return [
        {key: value for key, value in record.items() if not key.startswith(("perf/", "time_s"))}
        for record in trial.history
    ]


def ray_process(actor: str) -> psutil.Process:
    """A process of this Ray: ImplicitFunc runs a trial, RayTrainWorker is one of its group."""
    return next(
        process
        for process in psutil.Process().children(recursive=True)
        if " ".join(process.cmdline()).startswith(f"ray::{actor}")
    )
