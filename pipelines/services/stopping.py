"""`make down`: stop what `make up` started in this folder, and nothing else."""

from pathlib import Path

from pipelines.services.layout import MLFLOW_SERVER, PREFECT_SERVER, WORKER, locked
from pipelines.services.prefect_toml import remove_prefect_toml
from pipelines.services.processes import read_record, stop, values_in_processes

_RUN_ID = "PREFECT__FLOW_RUN_ID"  # in the processes of a flow run
# In the order in which they are stopped: flow runs that end report to both servers. The worker
# gives a run 30 s, a stage that lost its run has two minutes to save
# (`pipelines.processes.guardian`).
_GRACE_S = {WORKER: 60.0, PREFECT_SERVER: 15.0, MLFLOW_SERVER: 15.0}
_REST_S = {WORKER: 130.0, PREFECT_SERVER: 5.0, MLFLOW_SERVER: 5.0}


def down(project: Path) -> list[str]:
    """Stop the worker, then the servers; return the names of those that ran."""
    with locked(project):
        stopped = [WORKER] if _stop_worker(project) else []
        servers = (PREFECT_SERVER, MLFLOW_SERVER)
        stopped += [name for name in servers if stop_service(project, name)]
        remove_prefect_toml(project)
        return stopped


def _stop_worker(project: Path) -> bool:
    """Stop the worker and its flow runs, and have these known as ended."""
    record, runs = read_record(project, WORKER), values_in_processes(project, WORKER, _RUN_ID)
    is_stopped = stop_service(project, WORKER)
    if record is not None and runs:
        # Imported here: Prefect takes seconds, and mostly no flow run is under way.
        from pipelines.services.ended_runs import mark_crashed

        mark_crashed(record.facts["PREFECT_API_URL"], runs)
    return is_stopped


def stop_service(project: Path, name: str) -> bool:
    """Stop one service and what it started; return whether there was anything."""
    return stop(project, name, grace_s=_GRACE_S[name], rest_s=_REST_S[name])
