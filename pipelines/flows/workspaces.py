"""The workspace of a flow run, and the shell in which its commands run."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prefect import get_run_logger

from pipelines.processes.shell import Shell, stage_environment
from pipelines.repository.git import resolve
from pipelines.repository.workspace import Workspace, remove_stale, workspace
from pipelines.tracking.uri import tracking_uri


@contextmanager
def flow_workspace(
    overrides: Mapping[str, Any],
    *,
    revision: str,
    include_local_changes: bool,
    variant: str = "",
) -> Iterator[tuple[Workspace, Shell]]:
    """Hold a workspace of the repository in the current folder; `variant` as in `workspace`.

    Raises ValueError if there is no such revision or a parameter is wrong.
    """
    project_dir = Path.cwd()
    for removed in remove_stale(project_dir):
        get_run_logger().info("removed the abandoned workspace %s", removed.name)
    found = resolve(project_dir, revision, include_local_changes=include_local_changes)
    with workspace(project_dir, found, overrides, variant=variant) as held:
        get_run_logger().info(
            "%s workspace %s, commit %s",
            "going on in" if held.is_continued else "made",
            held.folder,
            found.commit[:12],
        )
        yield held, workspace_shell(held)


def workspace_shell(held: Workspace) -> Shell:
    """Commands in the workspace, with its code, and the MLflow of the current folder."""
    environment = stage_environment(held.project_dir) | {"MLFLOW_TRACKING_URI": tracking_uri()}
    return Shell(
        folder=held.project_dir,
        environment=environment,
        logs_dir=held.logs_dir,
        lifeline=(held.lock,),
    )
