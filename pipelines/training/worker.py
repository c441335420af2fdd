"""The function of each Ray Train worker: check its node, open its files, and train."""

import logging
import socket
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray.train.torch
import torch
from torch import distributed

from pipelines.cluster.mailbox import WorkerConsole
from pipelines.runs.dataset import DatasetSource, local_dataset
from pipelines.runs.folder import Folder
from pipelines.runs.machines import add_machines, this_machine
from pipelines.runs.parent import published_parent
from pipelines.runs.state import RUN_FILE
from pipelines.tracking.live_run import LiveRun
from pipelines.tracking.node_metrics import NodeMetrics
from pipelines.training.batches import train_batches
from pipelines.training.computing import agreed_computing, with_computing
from pipelines.training.loop import Outcome, Training, first_problem, train_with_rollbacks
from pix2pix.config import Params
from pix2pix.data.manifest import load_manifest
from pix2pix.data.prepared import open_split
from pix2pix.errors import UserError
from pix2pix.plural import counted
from pix2pix.training.deterministic import deterministic_kernels
from pix2pix.training.distributed import rank, world_size


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


def train_worker(job: WorkerJob, mailbox: Any) -> Outcome:
    """Train on this worker. Returns the outcome, which is the same on all ranks.

    `mailbox` is the handle of the actor behind `pipelines.cluster.mailbox.console`.
    """
    torch.set_num_threads(job.num_cpus)
    device = ray.train.torch.get_device()
    if device.type == "cuda":
        torch.cuda.set_device(device)
    console = WorkerConsole(mailbox)
    logging.getLogger().addHandler(console)
    prepared_dir, problem = _check_node(job.run, job.dataset)
    problem = first_problem(problem)
    if problem is not None:
        return Outcome(failure=problem)
    _record_machines(job.run, device)
    params = _with_agreed_computing(job.params, job.run, console)
    with _on_rank_zero(job.live_run) as live_run, _on_each_node(job.node_metrics):
        training: Training | None = None
        try:
            training = _opened(job, params, prepared_dir, live_run=live_run, console=console)
        except UserError as error:
            problem = str(error)
        problem = first_problem(problem)
        if training is None or problem is not None:
            return Outcome(failure=problem)  # raised, it would cost all of train.max_failures
        with deterministic_kernels(wanted=params.train.deterministic), training.batches:
            return train_with_rollbacks(training)


def _opened(
    job: WorkerJob,
    params: Params,
    prepared_dir: Path,
    *,
    live_run: LiveRun | None,
    console: WorkerConsole,
) -> Training:
    """Open the files that this worker trains with. Raises UserError if one of them is wrong."""
    manifest = load_manifest(prepared_dir)
    parent = None if job.parent is None else published_parent(job.parent).networks
    dev, train = open_split(prepared_dir, "dev"), open_split(prepared_dir, "train")
    return Training(
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
        # Each group says it, also after a worker was lost, with which another number may go on.
        console.send_line(f"computing on {counted(world_size(), 'worker')} in {computing}")
    return with_computing(params, computing)


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
