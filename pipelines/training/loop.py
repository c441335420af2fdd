"""The training of one worker: from the newest checkpoint, with reports, to the end or a stop."""

import logging
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, assert_never

import ray.train.torch
import safetensors.torch
from torch import distributed, nn

from pipelines.cluster.checkpoint_reports import CheckpointReports, restore
from pipelines.cluster.mailbox import WorkerConsole
from pipelines.cluster.requests import Requests
from pipelines.runs.folder import Folder
from pipelines.runs.progress_line import epoch_line
from pipelines.runs.samples import sample_name
from pipelines.runs.state import CHECKPOINTS_FOLDER, NON_FINITE_FOLDER, SAMPLES_FOLDER
from pipelines.tracking.live_run import LiveRun
from pipelines.training.batches import dev_set, sample_indices
from pipelines.training.profiles import write_profile
from pipelines.training.sample_grids import SampleGrids
from pix2pix.config import Params, TrainConfig
from pix2pix.data.batch import Batch
from pix2pix.data.loader import TrainBatches
from pix2pix.data.manifest import Manifest
from pix2pix.data.prepared import PreparedSplit
from pix2pix.models import network_configs
from pix2pix.models.transfer import ParentNetworks
from pix2pix.training import (
    EpochResult,
    NonFiniteLossError,
    SavePoint,
    TrainState,
    fit,
    new_state,
)
from pix2pix.training.dev import better_mode
from pix2pix.training.distributed import exchange_gradients, rank, world_size, wrapping_options

logger = logging.getLogger(__name__)


class Outcome(NamedTuple):
    """How a training ended. There is none if a worker is lost: Ray then restarts all workers."""

    is_stopped: bool = False  # the driver asked for it
    failure: str | None = None  # the reason, if another try would fail in the same way


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """What one worker trains with, after the check of its node."""

    params: Params  # with the precision and the layout that all ranks agreed on
    manifest: Manifest
    dev: PreparedSplit
    batches: TrainBatches
    run: Folder
    live_run: LiveRun | None  # on rank 0 only
    parent: ParentNetworks | None
    console: WorkerConsole


def first_problem(problem: str | None) -> str | None:
    """Return, on all ranks, the problem of the lowest rank that has one; None if none has."""
    if world_size() == 1:
        return problem
    problems: list[str | None] = [None] * world_size()
    distributed.all_gather_object(problems, problem)
    return next((each for each in problems if each is not None), None)


def train_with_rollbacks(training: Training) -> Outcome:
    """Train. After a non-finite loss go back to the last checkpoint, up to `max_rollbacks` times.

    On a CPU the loss will be non-finite again. On a GPU it may be finite: the order of sums varies
    (unless `train.deterministic`), and the hardware may have made an error.
    """
    allowed = training.params.train.max_rollbacks
    for number in range(allowed + 1):
        try:
            return _train(training)
        except NonFiniteLossError as error:
            reason = first_problem(_write_batch(training.run / NON_FINITE_FOLDER, error))
        if number < allowed and rank() == 0:
            logger.warning(
                "%s\nGoing back to the last checkpoint (%d of %d)", reason, number + 1, allowed
            )
    return Outcome(
        failure=f"{reason}\nGoing back to the last checkpoint {allowed} times is allowed"
    )


def _write_batch(folder: Folder, error: NonFiniteLossError) -> str | None:
    """Write the images of a rank whose loss is not finite. Returns the message, else None."""
    if not error.is_here:
        return None
    assert isinstance(error.batch, Batch)
    source, target, pair_ids, valid = error.batch
    tensors = {"source": source.cpu().contiguous(), "target": target.cpu().contiguous()}
    if valid is not None:
        tensors["valid"] = valid.cpu().contiguous()
    data = safetensors.torch.save(tensors, {"pair_ids": "\n".join(pair_ids)})
    step_folder, name = folder / f"step_{error.step:09d}", f"rank_{rank()}.safetensors"
    step_folder.write(name, data)
    return f"{error}\nThe batch is in {step_folder / name}"


def _train(training: Training) -> Outcome:
    """Train from the newest checkpoint to the end, or until the driver asks to stop."""
    config = training.params.train
    state = new_state(
        *network_configs(training.params),
        config=config,
        parent=training.parent,
        wrap=partial(_prepare, config=config),
    )
    checkpoints = training.run / CHECKPOINTS_FOLDER
    restore(state, checkpoints)
    if training.live_run is not None and state.history:
        training.live_run.update(state.history)  # of an earlier process, which may not have sent it
    samples = sample_indices(training.dev, config.num_samples)
    grids = SampleGrids(training.dev, samples, training.manifest)
    dev = dev_set(
        training.dev, training.manifest, samples=samples, device=ray.train.torch.get_device()
    )
    reports = CheckpointReports(
        checkpoints, params=training.params, data_hash=training.manifest.data_hash
    )
    events = fit(
        state,
        training.batches,
        config,
        dev=dev,
        on_step=Requests(training.console),
        on_profile=partial(write_profile, training.run) if _is_profiled(config) else None,
    )
    for event in events:
        match event:
            case EpochResult():
                _log_epoch(training, state, event, grids)
                reports.report_epoch(state, event)
            case SavePoint():
                reports.report_save_point(state, event)
                if event.is_stop:
                    if training.live_run is not None:
                        training.live_run.interrupt()
                    return Outcome(is_stopped=True)
            case _:
                assert_never(event)
    return Outcome()


def _is_profiled(config: TrainConfig) -> bool:
    return config.profile and rank() == 0


def _log_epoch(
    training: Training, state: TrainState, result: EpochResult, grids: SampleGrids
) -> None:
    """On rank 0, print a line for the epoch, write its sample grid, and log it to MLflow."""
    if rank() == 0:
        num_epochs = training.params.train.total_epochs
        training.console.send_line(epoch_line(state.history, num_epochs, is_best=result.is_best))
    if result.samples is not None:
        png = grids.png(result.samples, better_mode(result.metrics))
        (training.run / SAMPLES_FOLDER).write(sample_name(result.epoch), png)
    if training.live_run is not None:
        training.live_run.update(state.history)


def _prepare(network: nn.Module, *, config: TrainConfig) -> nn.Module:
    """Return the network on this worker's device, wrapped if there are several workers."""
    prepared: nn.Module = ray.train.torch.prepare_model(
        network, parallel_strategy_kwargs=wrapping_options()
    )
    exchange_gradients(prepared, config)
    return prepared
