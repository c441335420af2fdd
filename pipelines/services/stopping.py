"""`make down`: stop what `make up` started in this folder, and nothing else."""

from pathlib import Path

from pipelines.services.layout import MLFLOW_SERVER, PREFECT_SERVER, WORKER, locked
from pipelines.services.prefect_toml import remove_prefect_toml
from pipelines.services.processes import stop

# In the order in which they are stopped: flow runs that end report to both servers. The worker
# gives a run 30 s, a stage that lost its run has two minutes to save (`pipelines.supervisor`).
_GRACE_S = {WORKER: 60.0, PREFECT_SERVER: 15.0, MLFLOW_SERVER: 15.0}
_REST_S = {WORKER: 130.0, PREFECT_SERVER: 5.0, MLFLOW_SERVER: 5.0}


def down(project: Path) -> list[str]:
    """Stop the worker, then the servers; return the names of those that ran."""
    with locked(project):
        stopped = [name for name in _GRACE_S if stop_service(project, name)]
        remove_prefect_toml(project)
        return stopped


def stop_service(project: Path, name: str) -> bool:
    """Stop one service and what it started; return whether there was anything."""
    return stop(project, name, grace_s=_GRACE_S[name], rest_s=_REST_S[name])
