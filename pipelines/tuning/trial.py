"""What a trial of Ray Tune does: train with its values, report each epoch."""

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from ray import tune
from ray.tune.integration.ray_train import TuneReportCallback

from pipelines.cluster.placement import Placement
from pipelines.runs.dataset import DatasetSource, local_dataset
from pipelines.runs.folder import Folder
from pipelines.runs.state import RUN_FILE
from pipelines.training.driver import train
from pipelines.tuning.study_log import trial_folder
from pipelines.tuning.trial_training import Report, distance_of, replayed, train_trial
from pix2pix.config import Params
from pix2pix.errors import UserError
from pix2pix.training import Best, NonFiniteLossError
from pix2pix.tuning.space import trial_params
from pix2pix.tuning.trials import score_names

FAILURE = "failure"  # of a trial that another try would not mend
TRACEBACK = "traceback"  # of that failure, where it is a defect


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialJob:
    """What all trials of a study share. It travels to them."""

    params: Params
    dataset: DatasetSource
    study: Folder


class _EpochReports(TuneReportCallback):
    """Passes on what the first worker reports of an epoch."""

    def after_report(
        self, run_context: Any, metrics: list[dict[str, Any]], checkpoint: Any
    ) -> None:
        if "dev/l1" in metrics[0]:  # else it was a checkpoint within an epoch
            super().after_report(run_context, metrics, checkpoint)


def run_trial(config: dict[str, Any], job: TrialJob) -> None:
    """Train one trial, or a part of it: `config` has its number, seed, values, last epoch."""
    try:
        until = config["until"] if job.params.tune.scheduler == "pbt" else None
        params = trial_params(job.params, config["values"], seed=config["seed"], until=until)
        _train(params, job, run=trial_folder(job.study, config["number"]))
    except (UserError, NonFiniteLossError, torch.OutOfMemoryError) as error:
        tune.report({FAILURE: str(error)})
    except (ValueError, TypeError, LookupError, AttributeError, AssertionError) as error:
        # A defect, which another try would not mend either: the study goes on without this trial.
        found = "".join(traceback.format_exception(error))
        tune.report({FAILURE: f"{type(error).__name__}: {error}", TRACEBACK: found})


def _train(params: Params, job: TrialJob, *, run: Folder) -> None:
    prepared_dir = local_dataset(job.dataset)
    device = torch.device("cuda" if params.tune.gpus_per_worker else "cpu")
    torch.set_num_threads(params.tune.cpus_per_worker)
    report: Report = _report
    if params.tune.num_workers == 1:
        best = train_trial(params, prepared_dir, run=run, device=device, report=report)
    else:
        best = _train_on_workers(params, job, run=run, report=report)
    for name in score_names(params.tune.objective)[1:]:
        found = distance_of(
            best,
            params,
            prepared_dir,
            distance="kid" if name == "dev/kid" else "frechet",
            device=device,
        )
        report({"epoch": params.train.total_epochs, "dev/l1": best.dev["dev/l1"], name: found})


def _report(record: Mapping[str, float]) -> None:
    tune.report(dict(record))


def _train_on_workers(params: Params, job: TrialJob, *, run: Folder, report: Report) -> Best:
    """Train in a group of workers of its own, as the stage `train` does."""
    run.write(RUN_FILE, b"{}")  # by which a worker sees that it sees the folder
    for record in replayed(run):
        report(record)
    num_workers, cpus = params.tune.num_workers, params.tune.cpus_per_worker
    placement = Placement(num_workers, num_workers, cpus, params.tune.gpus_per_worker > 0)
    trained = train(
        params,
        job.dataset,
        placement=placement,
        run=run,
        live_run=None,
        callbacks=[_EpochReports()],
    )
    # A worker that is lost just after an epoch takes its report along, and its group goes on from
    # the checkpoint of that epoch. What is reported again is no news to the study.
    for record in trained.history:
        report(record)
    return trained.best
