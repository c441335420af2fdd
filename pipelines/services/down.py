"""`make down`: stop what `make up` has started in this folder, and nothing else."""

from pathlib import Path

from pipelines.services import supervisord
from pipelines.services.layout import locked
from pipelines.services.prefect_toml import remove_prefect_toml


def down(project: Path) -> list[str]:
    """Stop the worker with its flow runs, then the servers; return the names of what ran."""
    with locked(project):
        stopped = supervisord.running_programs(project)[::-1]
        supervisord.shut_down(project)
        remove_prefect_toml(project)
        return stopped
