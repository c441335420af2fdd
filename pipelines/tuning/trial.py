"""The function that Ray Tune runs for each trial: train with its values, report each epoch."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from ray import tune
from ray.tune.integration.ray_train import TuneReportCallback

from pipelines.cluster.placement import Placement
from pipelines.runs.dataset import DatasetSource, local_dataset
from pipelines.runs.folder import Folder
from pipelines.runs.parent import published_parent
from pipelines.runs.state import RUN_FILE
from pipelines.training.driver import train
from pipelines.tuning.lost_checkpoints import EPOCH
from pipelines.tuning.results import COPIED_EPOCH, PARENT, TRIAL, trial_folder, trial_number
from pipelines.tuning.trial_training import CHECKPOINT_FILE, dev_distances, train_trial
from pix2pix.config import Params
from pix2pix.training import TrainState
from pix2pix.training.selection import kept
from pix2pix.training_checkpoint import save_training
from pix2pix.tuning.space import first_kept_epoch, readable_values, trial_params
from pix2pix.tuning.trials import lowest_l1, score_names

BEST_L1 = "tune/best_dev_l1"  # what Optuna minimises: the lowest dev L1 so far
LATEST_L1 = "tune/latest_dev_l1"  # what ASHA and PBT compare: that of this epoch
_WORST_L1 = 1.0  # of pixels in [0, 1]; stands for a dev L1 that is not finite

Record = Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialJob:
    """What all trials of a study share. Ray sends it to their processes."""

    params: Params
    dataset: DatasetSource
    study: Folder
    has_parent: bool = False  # the study's folder has networks that each trial starts from


def run_trial(config: dict[str, Any], job: TrialJob) -> None:
    """Train one trial. `config` has, under `trial`, its purpose, seed and values."""
    about = config[TRIAL]
    number = trial_number(tune.get_context().get_trial_name())
    values = readable_values(about["values"], job.params.tune.space)
    params = trial_params(job.params, values, seed=about["seed"])
    folder = trial_folder(job.study, about["purpose"], number)
    torch.set_num_threads(params.tune.cpus_per_worker)
    if params.tune.num_workers == 1:
        _train_here(params, job, folder, number)
    else:
        _train_on_workers(params, job, folder)


def own_device(params: Params) -> torch.device:
    """Return the device of the trial's own process.

    With several workers these have the GPUs. The trial's own process has asked Ray for none, and
    measures the distance of features on the CPU: its node may have no GPU, or lend it to others.
    """
    has_gpu = params.tune.num_workers == 1 and params.tune.gpus_per_worker > 0
    return torch.device("cuda" if has_gpu else "cpu")


def reported(history: Sequence[Record], params: Params) -> dict[str, Any]:
    """Return what Ray Tune gets of the last epoch of `history`.

    Ray Tune wants each metric that it minimises in every report. A distance of features is
    measured once, after the last epoch; until then it is None.
    """
    latest = history[-1].get("dev/l1")
    best = lowest_l1(history, first_epoch=first_kept_epoch(params))
    distances = dict.fromkeys(score_names(params.tune.objective)[1:])
    return {
        **distances,
        **history[-1],
        LATEST_L1: _finite(latest),
        BEST_L1: _finite(best),
    }


def _finite(l1: float | None) -> float:
    # NaN compares with nothing, and is less than 1 in no comparison.
    return l1 if l1 is not None and l1 < _WORST_L1 else _WORST_L1


def _train_here(params: Params, job: TrialJob, folder: Folder, number: int) -> None:
    """Train in this process, from the checkpoint that Ray Tune has for it, if there is one."""
    prepared_dir = local_dataset(job.dataset)
    device = own_device(params)
    checkpoint = tune.get_checkpoint()
    copied: dict[str, int] = {}
    known_epoch = -1
    if checkpoint is not None:
        owner = checkpoint.get_metadata()
        known_epoch = owner[EPOCH]
        if owner["number"] != number:  # PBT has given it the state of a better trial
            copied = {PARENT: owner["number"], COPIED_EPOCH: known_epoch}

    def report(state: TrainState) -> None:
        nonlocal known_epoch
        # Epochs of a checkpoint that replaces a lost one.
        for epoch in range(known_epoch + 1, state.epoch):
            tune.report(reported(state.history[: epoch + 1], params) | copied)
        known_epoch = state.epoch
        metrics = reported(state.history, params) | copied
        if state.epoch == params.train.total_epochs:
            best = kept(state.best, params.train)
            metrics |= dev_distances(best, params, prepared_dir, device=device)
        if _is_saved(state.epoch, params):
            _report_with_checkpoint(metrics, state, number)
        else:
            tune.report(metrics)

    train_trial(
        params,
        prepared_dir,
        run=folder,
        device=device,
        parent=published_parent(job.study).networks if job.has_parent else None,
        # Ray's `to_directory` would leave a copy in the temporary folder.
        checkpoint=None if checkpoint is None else Folder(checkpoint.filesystem, checkpoint.path),
        report=report,
    )


def _is_saved(epoch: int, params: Params) -> bool:
    """Whether there is a checkpoint of this epoch.

    A population saves only the epochs at which trials copy each other. Ray Tune deletes all but
    the last checkpoints of a trial, and a trial that waits for a free CPU may still have to read
    the state that it copies.
    """
    if params.tune.scheduler == "pbt":
        return 0 < epoch < params.train.total_epochs and epoch % params.tune.exchange_epochs == 0
    return 0 < epoch < params.train.total_epochs


def _report_with_checkpoint(metrics: dict[str, Any], state: TrainState, number: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        save_training(Path(folder) / CHECKPOINT_FILE, state.state_dict())
        checkpoint = tune.Checkpoint.from_directory(folder)
        checkpoint.set_metadata({"number": number, EPOCH: state.epoch})
        tune.report(metrics, checkpoint=checkpoint)


class _EpochReports(TuneReportCallback):
    """Passes the epochs that the first worker reports on to Ray Tune, all but the last.

    With the last one Ray Tune ends the trial, and the group of workers has not yet returned then.
    """

    def __init__(self, params: Params) -> None:
        super().__init__()
        self._params = params
        self._records: dict[int, Record] = {}

    def after_report(
        self, run_context: Any, metrics: list[dict[str, Any]], checkpoint: Any
    ) -> None:
        record = metrics[0]
        is_epoch = "dev/l1" in record  # else it was a checkpoint within an epoch
        if is_epoch and record["epoch"] < self._params.train.total_epochs:
            self._records[int(record["epoch"])] = record
            history = [self._records[epoch] for epoch in sorted(self._records)]
            super().after_report(run_context, [reported(history, self._params)], checkpoint)


def _train_on_workers(params: Params, job: TrialJob, folder: Folder) -> None:
    """Train in a group of workers, as the stage `train` does; `folder` has their checkpoints."""
    folder.write(RUN_FILE, b"{}")  # by which a worker sees that it sees the folder
    num_workers, cpus = params.tune.num_workers, params.tune.cpus_per_worker
    placement = Placement(num_workers, num_workers, cpus, params.tune.gpus_per_worker > 0)
    trained = train(
        params,
        job.dataset,
        placement=placement,
        run=folder,
        live_run=None,
        parent=job.study if job.has_parent else None,
        callbacks=[_EpochReports(params)],
    )
    # A worker that is lost just after an epoch takes its report along: all epochs are in the
    # history, and Ray Tune gets again those that it may lack.
    for count in range(1, len(trained.history)):
        tune.report(reported(trained.history[:count], params))
    prepared_dir = local_dataset(job.dataset)
    distances = dev_distances(trained.best, params, prepared_dir, device=own_device(params))
    tune.report(reported(trained.history, params) | distances)
