"""Training under Ray Train: what the driver asks for and gets back."""

import dataclasses
import logging
import re
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
from pipelines.runs.state import CHECKPOINTS_FOLDER, SAMPLES_FOLDER
from pipelines.tracking.live_run import LiveRun
from pipelines.training.worker import Outcome, train_worker
from pix2pix.config import Params, TrainConfig
from pix2pix.errors import StorageError, UserError
from pix2pix.training import Best
from pix2pix.training.selection import is_finished, kept

_RAY_RECORD = "checkpoint_manager_snapshot.json"
_SAMPLE = re.compile(r"epoch_(\d+)\.png")
_MAX_TRIES = 2  # of a training whose last checkpoint is damaged

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """What a finished training left."""

    history: list[dict[str, float]]
    best: Best
    samples: dict[int, bytes]  # PNG by epoch


def train(
    params: Params,
    dataset: DatasetSource,
    *,
    place: Placement,
    run: Folder,
    live_run: LiveRun | None,
    callbacks: Sequence[ray.train.UserCallback] = (),
) -> Trained:
    """Train on the connected Ray cluster, from the newest checkpoint in the folder `run`.

    `callbacks` hear what the workers report.
    Raises ray.train.TrainingFailedError if more workers were lost than may be, UserError if it
    failed for another reason, StorageError if what it saves does not stay as it was, and
    InterruptionError if a signal stopped it: then all is saved.
    """
    for _ in range(_MAX_TRIES):
        _fit(params, dataset, place=place, run=run, live_run=live_run, callbacks=callbacks)
        newest = newest_checkpoint(run / CHECKPOINTS_FOLDER)
        if newest is not None and is_finished(newest[1]["history"], params.train):
            return _trained(newest[1], params.train, samples=run / SAMPLES_FOLDER)
        logger.warning(
            "the training ended, but its last checkpoint in %s cannot be read: training on from "
            "the one before",
            run,
        )
    raise StorageError(
        f"the last checkpoint of the training in {run} was damaged {_MAX_TRIES} times just after "
        "it was written. Check that disk or store, or set train.storage_path to another"
    )


def _fit(
    params: Params,
    dataset: DatasetSource,
    *,
    place: Placement,
    run: Folder,
    live_run: LiveRun | None,
    callbacks: Sequence[ray.train.UserCallback],
) -> None:
    """Run the workers until the training has ended."""
    run.sweep()
    (run / CHECKPOINTS_FOLDER).sweep()
    # Of an earlier process. Ray would read it and expect checkpoints that are no longer kept.
    run.remove(_RAY_RECORD)
    message: dict[str, Any] = {
        "params": dataclasses.asdict(params),
        "dataset": dataset,
        "run": run,
        "live_run": live_run,
        "cpus": place.cpus_per_worker,
    }
    with console(params.train.total_epochs) as mailbox:
        trainer = _trainer(
            message | {"mailbox": mailbox},
            params.train,
            place=place,
            run=run,
            callbacks=[*callbacks],
        )
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
    message: dict[str, Any],
    config: TrainConfig,
    *,
    place: Placement,
    run: Folder,
    callbacks: list[Any],
) -> ray.train.torch.TorchTrainer:
    storage_path, _, name = run.path.rpartition("/")
    worker: Any = train_worker  # for Ray's types a training has no result
    is_fixed = place.min_workers == place.max_workers
    scaling: dict[str, Any] = {  # its types lag behind its options
        "num_workers": place.min_workers if is_fixed else (place.min_workers, place.max_workers),
        "elastic_resize_monitor_interval_s": config.resize_interval_s,
        "use_gpu": place.use_gpu,
        "resources_per_worker": {"CPU": place.cpus_per_worker}
        | ({"GPU": 1} if place.use_gpu else {}),
    }
    return ray.train.torch.TorchTrainer(
        worker,
        train_loop_config=message,
        scaling_config=ray.train.ScalingConfig(**scaling),
        run_config=ray.train.RunConfig(
            name=name,
            storage_path=storage_path,
            storage_filesystem=run.filesystem,
            failure_config=ray.train.FailureConfig(max_failures=config.max_failures),
            callbacks=callbacks,
        ),
    )


def _trained(state: dict[str, Any], config: TrainConfig, *, samples: Folder) -> Trained:
    """What the last checkpoint holds. Raises UserError if no epoch can be kept."""
    best = None if state["best"] is None else Best(**state["best"])
    epochs = {name: match[1] for name in samples.names() if (match := _SAMPLE.fullmatch(name))}
    return Trained(
        history=state["history"],
        best=kept(best, config),
        samples={int(epoch): samples.read(name) for name, epoch in epochs.items()},
    )
