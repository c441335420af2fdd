"""What each Ray Train worker does: go on from the newest checkpoint, train, report, save."""

import logging
import socket
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, assert_never

import ray.train.torch
import safetensors.torch
import torch
from torch import distributed, nn

from pipelines.cluster.checkpoint_reports import CheckpointReports, restore
from pipelines.cluster.mailbox import WorkerConsole
from pipelines.cluster.preemption import Requests
from pipelines.processes.progress_line import epoch_line
from pipelines.runs.dataset import DatasetSource, local_dataset
from pipelines.runs.folder import Folder
from pipelines.runs.state import CHECKPOINTS_FOLDER, NON_FINITE_FOLDER, RUN_FILE, SAMPLES_FOLDER
from pipelines.tracking.live_run import LiveRun
from pipelines.training.batches import dev_samples, dev_set, train_batches
from pipelines.training.precision import agreed_precision, with_precision
from pipelines.training.sample_grids import SampleGrids
from pix2pix.config import Params, TrainConfig, parse_params
from pix2pix.data.loader import TrainBatches
from pix2pix.data.manifest import Manifest, load_manifest
from pix2pix.data.prepared import open_split
from pix2pix.errors import UserError
from pix2pix.models import network_configs
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
    """How a training ended. A lost worker is no outcome: Ray restarts them all."""

    is_stopped: bool = False  # because it was asked to
    failure: str | None = None  # which another try would not mend


@dataclass(frozen=True, kw_only=True, slots=True)
class _Job:
    """What a worker works on."""

    params: Params
    prepared_dir: Path
    manifest: Manifest
    run: Folder
    live: LiveRun | None
    console: WorkerConsole


def train_worker(message: dict[str, Any]) -> Outcome:
    """Train on this worker; the outcome is the same on all ranks."""
    params = parse_params(message["params"])
    torch.set_num_threads(message["cpus"])
    device = ray.train.torch.get_device()
    if device.type == "cuda":
        torch.cuda.set_device(device)
    console = WorkerConsole(message["mailbox"])
    logging.getLogger().addHandler(console)
    prepared_dir, problem = _look_around(message["run"], message["dataset"])
    problem = _of_any_rank(problem)
    if problem is not None:
        return Outcome(failure=problem)
    params = _settled(params, message["run"], console)
    with _live(message["live_run"]) as live:
        job = _Job(
            params=params,
            prepared_dir=prepared_dir,
            manifest=load_manifest(prepared_dir),
            run=message["run"],
            live=live,
            console=console,
        )
        train = open_split(prepared_dir, "train")
        with train_batches(train, params, job.manifest, device=device) as batches:
            return _train_despite_non_finite_losses(job, batches)


def _look_around(run: Folder, dataset: DatasetSource) -> tuple[Path, str | None]:
    """Where this node has the data, and what is wrong with the node, if something is."""
    if not run.has(RUN_FILE):
        return Path(), (
            f"train.storage_path: node {socket.gethostname()} does not see {run}; on several nodes "
            "it must be a shared folder or an object store (s3://...)"
        )
    try:
        return local_dataset(dataset), None
    except UserError as error:
        return Path(), str(error)


def _settled(params: Params, run: Folder, console: WorkerConsole) -> Params:
    """The parameters with the precision that all ranks compute in."""
    choice = agreed_precision(params.train, run, ray.train.torch.get_device())
    if rank() == 0:
        console.say(f"computing in {choice.precision}: {choice.reason}")
    return with_precision(params, choice)


def _of_any_rank(problem: str | None) -> str | None:
    """The first rank's problem of those that have one."""
    if world_size() == 1:
        return problem
    problems: list[str | None] = [None] * world_size()
    distributed.all_gather_object(problems, problem)
    return next((found for found in problems if found is not None), None)


def _live(live: LiveRun | None) -> AbstractContextManager[LiveRun | None]:
    """The MLflow run to follow, on one rank."""
    return nullcontext() if live is None or rank() > 0 else live


def _train_despite_non_finite_losses(job: _Job, batches: TrainBatches) -> Outcome:
    """Train, and after a non-finite loss go back to the last checkpoint, but not for ever.

    On a CPU the same follows again; elsewhere sums in another order, or a sound machine, may not
    lead there.
    """
    allowed = job.params.train.max_rollbacks
    for number in range(allowed + 1):
        try:
            return _train(job, batches)
        except NonFiniteLossError as error:
            reason = _of_any_rank(_write_batch(job.run / NON_FINITE_FOLDER, error))
        if number < allowed and rank() == 0:
            logger.warning(
                "%s\nBack to the last checkpoint (%d of %d)", reason, number + 1, allowed
            )
    return Outcome(
        failure=f"{reason}\nGoing back to the last checkpoint {allowed} times is allowed"
    )


def _write_batch(folder: Folder, error: NonFiniteLossError) -> str | None:
    """Write the images of a rank with such a loss; what to say of it, None on another rank."""
    if not error.is_here:
        return None
    source, target, pair_ids = error.batch
    tensors = {"source": source.cpu().contiguous(), "target": target.cpu().contiguous()}
    data = safetensors.torch.save(tensors, {"pair_ids": "\n".join(pair_ids)})
    place, name = folder / f"step_{error.step:09d}", f"rank_{rank()}.safetensors"
    place.write(name, data)
    return f"{error}\nThe batch is in {place / name}"


def _train(job: _Job, batches: TrainBatches) -> Outcome:
    """Train from the newest checkpoint to the end, or until it is asked to stop."""
    config = job.params.train
    state = new_state(
        *network_configs(job.params), config=config, wrap=partial(_prepare, config=config)
    )
    folder = job.run / CHECKPOINTS_FOLDER
    restore(state, folder)
    if job.live is not None:
        job.live.log_history(state.history)
    device = ray.train.torch.get_device()
    dev = open_split(job.prepared_dir, "dev")
    shown = dev_samples(dev, config.num_samples)
    grids = SampleGrids(dev, shown, job.manifest)
    reports = CheckpointReports(folder, params=job.params, data_hash=job.manifest.data_hash)
    judged = dev_set(dev, job.manifest, shown=shown, device=device)
    for moment in fit(state, batches, config, dev=judged, on_step=Requests(job.console)):
        match moment:
            case EpochResult():
                _log_epoch(job, state, moment, grids)
                reports.epoch(state, moment)
            case SavePoint():
                reports.save_point(state, moment)
                if moment.is_stop:
                    _say_interrupted(job.live)
                    return Outcome(is_stopped=True)
            case _:
                assert_never(moment)
    return Outcome()


def _log_epoch(job: _Job, state: TrainState, result: EpochResult, grids: SampleGrids) -> None:
    """On the first rank, write the sample grid, tell the console, log the epoch to MLflow."""
    if rank() == 0:
        num_epochs = job.params.train.total_epochs
        job.console.say(epoch_line(state.history, num_epochs, is_best=result.is_best))
    png = None
    if result.samples is not None:
        png = grids.png(result.samples, better_mode(result.metrics))
        (job.run / SAMPLES_FOLDER).write(f"epoch_{result.epoch:04d}.png", png)
    if job.live is not None:
        job.live.log_epoch(state.history[-1], png)


def _say_interrupted(live: LiveRun | None) -> None:
    if live is not None:
        live.interrupt()


def _prepare(network: nn.Module, *, config: TrainConfig) -> nn.Module:
    """On this worker's device, and wrapped if there are several."""
    prepared: nn.Module = ray.train.torch.prepare_model(
        network, parallel_strategy_kwargs=wrapping_options()
    )
    exchange_gradients(prepared, config)
    return prepared
