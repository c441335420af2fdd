"""The workspace of a flow run, and the shell in which its commands run."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prefect import get_run_logger

from pipelines.processes.shell import Shell
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
    """Open a workspace of the repository in the current folder, and a shell for its commands.

    `variant` is that of `repository.workspace.workspace`. Raises UserError if there is no such
    revision or a parameter is wrong.
    """
    project_dir = Path.cwd()
    for removed in remove_stale(project_dir):
        get_run_logger().info("removed the abandoned workspace %s", removed.name)
    checkout = resolve(project_dir, revision, include_local_changes=include_local_changes)
    with workspace(project_dir, checkout, overrides, variant=variant) as opened:
        get_run_logger().info(
            "%s workspace %s, commit %s",
            "going on in" if opened.is_continued else "made",
            opened.folder,
            checkout.commit[:12],
        )
        yield opened, workspace_shell(opened)


def workspace_shell(opened: Workspace) -> Shell:
    """A shell that runs the code of the workspace, with the MLflow of the current folder."""
    return opened.shell(MLFLOW_TRACKING_URI=tracking_uri())
