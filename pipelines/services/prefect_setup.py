"""What Prefect's server needs before flow runs can start: the pool, its worker, the limit."""

from datetime import datetime

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import (
    GlobalConcurrencyLimitCreate,
    GlobalConcurrencyLimitUpdate,
    WorkPoolCreate,
    WorkPoolUpdate,
)
from prefect.client.schemas.objects import Worker, WorkerStatus
from prefect.exceptions import ObjectNotFound

from pipelines.flows.names import POOL, TRAINING_SLOTS
from pix2pix.errors import UserError

_DEFAULT_CONCURRENCY = 4
_MAX_WORKERS = 200  # Prefect's limit
_DEFAULT_TRAINING_SLOTS = 1  # one training takes all that the machine has


def ensure_pool(client: SyncPrefectClient, *, concurrency: int | None) -> None:
    """Create the work pool; an existing pool keeps its limit unless `concurrency` is given.

    Raises UserError if the existing pool is for another kind of worker.
    """
    try:
        pool = client.read_work_pool(POOL)
    except ObjectNotFound:
        limit = _DEFAULT_CONCURRENCY if concurrency is None else concurrency
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process", concurrency_limit=limit))
        return
    if pool.type != "process":
        raise UserError(
            f"Prefect's work pool {POOL} is of the type {pool.type}, not process; delete it "
            f"(`prefect work-pool delete {POOL}`) and run `make up` again"
        )
    if concurrency is not None and pool.concurrency_limit != concurrency:
        client.update_work_pool(POOL, WorkPoolUpdate(concurrency_limit=concurrency))


def ensure_training_limit(client: SyncPrefectClient, *, slots: int | None) -> None:
    """Create the limit of trainings at once; an existing limit stays unless `slots` is given."""
    try:
        existing = client.read_global_concurrency_limit_by_name(TRAINING_SLOTS)
    except ObjectNotFound:
        limit = _DEFAULT_TRAINING_SLOTS if slots is None else slots
        client.create_global_concurrency_limit(
            GlobalConcurrencyLimitCreate(name=TRAINING_SLOTS, limit=limit)
        )
        return
    if slots is not None and existing.limit != slots:
        client.update_global_concurrency_limit(
            TRAINING_SLOTS, GlobalConcurrencyLimitUpdate(limit=slots)
        )


def last_heartbeat(client: SyncPrefectClient, worker: str) -> datetime | None:
    """When the worker of that name reported last; None if it never did."""
    known = _worker(client, worker)
    return None if known is None else known.last_heartbeat_time


def is_online(client: SyncPrefectClient, worker: str, *, since: datetime | None) -> bool:
    """Whether the worker is online and has reported after its report at `since`.

    The server takes a killed worker for online for another minute and a half.
    """
    known = _worker(client, worker)
    return (
        known is not None
        and known.status == WorkerStatus.ONLINE
        and known.last_heartbeat_time != since
    )


def _worker(client: SyncPrefectClient, name: str) -> Worker | None:
    # Prefect's client sends null for what it is not given, which its server refuses.
    workers = client.read_workers_for_work_pool(POOL, offset=0, limit=_MAX_WORKERS)
    return next((worker for worker in workers if worker.name == name), None)
