"""The function of each Ray Train worker: restore the newest checkpoint, train, report, save."""

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
from pipelines.cluster.requests import Requests
from pipelines.processes.progress_line import epoch_line
from pipelines.runs.dataset import DatasetSource, local_dataset
from pipelines.runs.folder import Folder
from pipelines.runs.machines import add_machines, this_machine
from pipelines.runs.parent import published_parent
from pipelines.runs.samples import sample_name
from pipelines.runs.state import CHECKPOINTS_FOLDER, NON_FINITE_FOLDER, RUN_FILE, SAMPLES_FOLDER
from pipelines.tracking.live_run import LiveRun
from pipelines.tracking.node_metrics import NodeMetrics
from pipelines.training.batches import dev_set, sample_indices, train_batches
from pipelines.training.computing import agreed_computing, with_computing
from pipelines.training.profiles import write_profile
from pipelines.training.sample_grids import SampleGrids
from pix2pix.config import Params, TrainConfig
from pix2pix.data.loader import TrainBatches
from pix2pix.data.manifest import Manifest, load_manifest
from pix2pix.data.prepared import PreparedSplit, open_split
from pix2pix.errors import UserError
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
class WorkerJob:
    """What the driver sends to each worker."""

    params: Params
    dataset: DatasetSource
    run: Folder  # where checkpoints and sample grids are kept
    live_run: LiveRun | None
    parent: Folder | None  # where the networks are that it starts from; None: from new ones
    node_metrics: NodeMetrics | None
    num_cpus: int
    mailbox: Any  # handle of the actor behind `pipelines.cluster.mailbox.console`


@dataclass(frozen=True, kw_only=True, slots=True)
class _Training:
    """What one worker trains with, after the check of its node."""

    params: Params  # with the precision and the layout that all ranks agreed on
    manifest: Manifest
    dev: PreparedSplit
    batches: TrainBatches
    run: Folder
    live_run: LiveRun | None  # on rank 0 only
    parent: ParentNetworks | None
    console: WorkerConsole


def train_worker(job: WorkerJob) -> Outcome:
    """Train on this worker. Returns the outcome, which is the same on all ranks."""
    torch.set_num_threads(job.num_cpus)
    device = ray.train.torch.get_device()
    if device.type == "cuda":
        torch.cuda.set_device(device)
    console = WorkerConsole(job.mailbox)
    logging.getLogger().addHandler(console)
    prepared_dir, problem = _check_node(job.run, job.dataset)
    problem = _first_problem(problem)
    if problem is not None:
        return Outcome(failure=problem)
    _record_machines(job.run, device)
    params = _with_agreed_computing(job.params, job.run, console)
    with _on_rank_zero(job.live_run) as live_run, _on_each_node(job.node_metrics):
        training: _Training | None = None
        try:
            training = _opened(job, params, prepared_dir, live_run=live_run, console=console)
        except UserError as error:
            problem = str(error)
        problem = _first_problem(problem)
        if training is None or problem is not None:
            return Outcome(failure=problem)  # raised, it would cost all of train.max_failures
        with training.batches:
            return _train_with_rollbacks(training)


def _opened(
    job: WorkerJob,
    params: Params,
    prepared_dir: Path,
    *,
    live_run: LiveRun | None,
    console: WorkerConsole,
) -> _Training:
    """Open the files that this worker trains with. Raises UserError if one of them is wrong."""
    manifest = load_manifest(prepared_dir)
    parent = None if job.parent is None else published_parent(job.parent).networks
    dev, train = open_split(prepared_dir, "dev"), open_split(prepared_dir, "train")
    return _Training(
        params=params,
        manifest=manifest,
        dev=dev,
        batches=train_batches(train, params, manifest, device=ray.train.torch.get_device()),
        run=job.run,
        live_run=live_run,
        parent=parent,
        console=console,
    )


def _check_node(run: Folder, dataset: DatasetSource) -> tuple[Path, str | None]:
    """Return the folder of the prepared data on this node, and a problem of the node or None.

    If there is a problem, the folder is not valid.
    """
    if not run.has(RUN_FILE):
        return Path(), (
            f"train.storage_path: node {socket.gethostname()} does not see {run}; on several nodes "
            "it must be a shared folder or an object store (s3://...)"
        )
    try:
        return local_dataset(dataset), None
    except UserError as error:
        return Path(), str(error)


def _record_machines(run: Folder, device: torch.device) -> None:
    """Note in the run's folder what the workers of this group compute on. All ranks call this."""
    own = this_machine(device, num_workers=world_size())
    machines = [own] * world_size()
    if world_size() > 1:
        distributed.all_gather_object(machines, own)
    if rank() == 0:
        add_machines(run, machines)


def _with_agreed_computing(params: Params, run: Folder, console: WorkerConsole) -> Params:
    """Return the parameters with what all ranks agreed on in place of `auto`."""
    computing = agreed_computing(params.train, run, ray.train.torch.get_device())
    if rank() == 0:
        console.send_line(f"computing in {computing}")
    return with_computing(params, computing)


def _first_problem(problem: str | None) -> str | None:
    """Return, on all ranks, the problem of the lowest rank that has one; None if none has."""
    if world_size() == 1:
        return problem
    problems: list[str | None] = [None] * world_size()
    distributed.all_gather_object(problems, problem)
    return next((each for each in problems if each is not None), None)


def _on_rank_zero(live_run: LiveRun | None) -> AbstractContextManager[LiveRun | None]:
    """Return `live_run` on rank 0, None on the others: only one process writes to MLflow."""
    return nullcontext() if live_run is None or rank() > 0 else live_run


def _on_each_node(metrics: NodeMetrics | None) -> AbstractContextManager[None]:
    """Return what logs the metrics of this machine, on one worker of each node."""
    context = ray.train.get_context()
    if metrics is None or context.get_local_rank() > 0:
        return nullcontext()
    node = context.get_node_rank()
    return metrics.logged(f"node_{node}" if node else None)  # the node of rank 0 is node 0


def _train_with_rollbacks(training: _Training) -> Outcome:
    """Train. After a non-finite loss go back to the last checkpoint, up to `max_rollbacks` times.

    On a CPU the loss will be non-finite again. On a GPU it may be finite: the order of sums varies,
    and the hardware may have made an error.
    """
    allowed = training.params.train.max_rollbacks
    for number in range(allowed + 1):
        try:
            return _train(training)
        except NonFiniteLossError as error:
            reason = _first_problem(_write_batch(training.run / NON_FINITE_FOLDER, error))
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
    source, target, pair_ids, valid = error.batch
    tensors = {"source": source.cpu().contiguous(), "target": target.cpu().contiguous()}
    if valid is not None:
        tensors["valid"] = valid.cpu().contiguous()
    data = safetensors.torch.save(tensors, {"pair_ids": "\n".join(pair_ids)})
    step_folder, name = folder / f"step_{error.step:09d}", f"rank_{rank()}.safetensors"
    step_folder.write(name, data)
    return f"{error}\nThe batch is in {step_folder / name}"


def _train(training: _Training) -> Outcome:
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
    training: _Training, state: TrainState, result: EpochResult, grids: SampleGrids
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
