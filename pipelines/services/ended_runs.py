"""Flow runs that have ended with their worker: Prefect's server is told.

A worker that is stopped ends its flow runs at once, and neither of them reports it. Prefect's
server would take them for running until its automation misses their heartbeats.
"""

import psutil
from prefect import State
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Crashed

_WORKER_LABEL = "prefect.worker.name"  # Prefect's worker labels each of its flow runs


def mark_crashed(client: SyncPrefectClient, worker: str) -> None:
    """Mark the running flow runs of the worker named `worker` whose processes have ended."""
    running = FlowRunFilter.model_validate({"state": {"type": {"any_": [StateType.RUNNING]}}})
    for run in client.read_flow_runs(flow_run_filter=running):
        if run.labels.get(_WORKER_LABEL) == worker and _has_ended(run):
            crashed: State = Crashed(message="ended with its worker; run it again to go on")
            client.set_flow_run_state(run.id, crashed, force=True)


def _has_ended(run: FlowRun) -> bool:
    pid = run.infrastructure_pid or ""
    return pid.isdecimal() and not psutil.pid_exists(int(pid))
