"""The driver of a training: starts the workers under Ray Train and reads their result."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import ray.train
import ray.train.torch

from pipelines.cluster.mailbox import console
from pipelines.cluster.placement import Placement
from pipelines.entrypoint import InterruptionError
from pipelines.processes.signals import run_interruptibly
from pipelines.runs.checkpoints import newest_checkpoint
from pipelines.runs.dataset import DatasetSource
from pipelines.runs.folder import Folder
from pipelines.runs.samples import sample_names
from pipelines.runs.state import CHECKPOINTS_FOLDER, SAMPLES_FOLDER
from pipelines.tracking.live_run import LiveRun
from pipelines.tracking.node_metrics import NodeMetrics
from pipelines.training.loop import Outcome
from pipelines.training.worker import WorkerJob, train_worker
from pix2pix.config import Params, TrainConfig
from pix2pix.errors import StorageError, UserError
from pix2pix.training import Best
from pix2pix.training.selection import is_finished, kept

_RAY_RECORD = "checkpoint_manager_snapshot.json"
_MAX_TRIES = 2  # the workers are started again if the last checkpoint is damaged

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """The result of a finished training."""

    history: list[dict[str, float]]
    best: Best
    samples: dict[int, bytes]  # PNG by epoch


def train(
    params: Params,
    dataset: DatasetSource,
    *,
    placement: Placement,
    run: Folder,
    live_run: LiveRun | None,
    parent: Folder | None = None,
    node_metrics: NodeMetrics | None = None,
    callbacks: Sequence[ray.train.UserCallback] = (),
) -> Trained:
    """Train on the connected Ray cluster, from the newest checkpoint in the folder `run`.

    `parent` is the folder with the networks that a new training starts from, see `runs.parent`;
    None: it starts from new ones. `live_run` and `node_metrics` follow the training in MLflow, and
    `callbacks` receive what the workers report. Raises ray.train.TrainingFailedError if more
    workers were lost than `train.max_failures` allows, UserError if the training failed for
    another reason, StorageError if its checkpoints are damaged after they were written, and
    InterruptionError if a signal stopped it, after its state was saved.
    """
    job = WorkerJob(
        params=params,
        dataset=dataset,
        run=run,
        live_run=live_run,
        parent=parent,
        node_metrics=node_metrics,
        num_cpus=placement.cpus_per_worker,
    )
    for _ in range(_MAX_TRIES):
        _fit(job, placement, callbacks)
        newest = newest_checkpoint(run / CHECKPOINTS_FOLDER)
        if newest is not None and is_finished(newest[1]["history"], params.train):
            return _read_result(newest[1], params.train, samples=run / SAMPLES_FOLDER)
        logger.warning(
            "the training ended, but its last checkpoint in %s cannot be read; it continues from "
            "the one before",
            run,
        )
    raise StorageError(
        f"the last checkpoint of the training in {run} was damaged {_MAX_TRIES} times just after "
        "it was written. Check the disk or store, or set train.storage_path to another one"
    )


def _fit(job: WorkerJob, placement: Placement, callbacks: Sequence[ray.train.UserCallback]) -> None:
    """Run the workers until the training has ended."""
    run = job.run
    run.sweep()
    (run / CHECKPOINTS_FOLDER).sweep()
    # This record is of an earlier process. Ray would read it, and expect checkpoints that have been
    # removed since.
    run.remove(_RAY_RECORD)
    with console(job.params.train.total_epochs) as mailbox:
        # Ray's type excludes a worker that returns a value.
        worker: Any = partial(train_worker, job, mailbox)
        trainer = _trainer(worker, job, placement=placement, callbacks=[*callbacks])
        fit: Callable[[], Any] = trainer.fit
        result, signal_number = run_interruptibly(fit, stop=partial(_stop, mailbox))
    outcome: Outcome = result.return_value
    if outcome.failure is not None:
        raise UserError(outcome.failure)
    if outcome.is_stopped and signal_number is not None:
        raise InterruptionError(
            f"stopped; the same command continues from the checkpoint in {run}", signal_number
        )


def _stop(mailbox: Any) -> None:
    mailbox.stop.remote()


def _trainer(
    worker: Any, job: WorkerJob, *, placement: Placement, callbacks: list[Any]
) -> ray.train.torch.TorchTrainer:
    config = job.params.train
    storage_path, _, name = job.run.path.rpartition("/")
    limits = (placement.min_workers, placement.max_workers)
    scaling: dict[str, Any] = {  # Ray's types lack some of its options
        "num_workers": limits[0] if limits[0] == limits[1] else limits,
        "elastic_resize_monitor_interval_s": config.resize_interval_s,
        "use_gpu": placement.use_gpu,
        "resources_per_worker": {"CPU": placement.cpus_per_worker}
        | ({"GPU": 1} if placement.use_gpu else {}),
    }
    return ray.train.torch.TorchTrainer(
        worker,
        scaling_config=ray.train.ScalingConfig(**scaling),
        run_config=ray.train.RunConfig(
            name=name,
            storage_path=storage_path,
            storage_filesystem=job.run.filesystem,
            failure_config=ray.train.FailureConfig(max_failures=config.max_failures),
            callbacks=callbacks,
        ),
    )


def _read_result(state: dict[str, Any], config: TrainConfig, *, samples: Folder) -> Trained:
    """Return the result in the last checkpoint. Raises UserError if no epoch can be kept."""
    best = None if state["best"] is None else Best(**state["best"])
    return Trained(
        history=state["history"],
        best=kept(best, config),
        samples={epoch: samples.read(name) for epoch, name in sample_names(samples).items()},
    )
