"""The workspace of a flow run, and the shell in which its commands run."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from pipelines.flows.commands import RETRIES
from pipelines.flows.outages import naming_outages
from pipelines.processes.shell import Shell
from pipelines.repository.git import git, resolve
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

    The shell runs the code of the workspace, with the MLflow of the current folder. A revision of a
    remote, such as origin/main, is fetched first. `variant` is that of
    `repository.workspace.workspace`. Raises UserError if there is no such revision or a parameter
    is wrong.
    """
    project_dir = Path.cwd()
    for removed in remove_stale(project_dir):
        get_run_logger().info("removed the abandoned workspace %s", removed.name)
    if (remote := remote_of(project_dir, revision)) is not None:
        fetch(project_dir, remote)
    checkout = resolve(project_dir, revision, include_local_changes=include_local_changes)
    with workspace(project_dir, checkout, overrides, variant=variant) as opened:
        get_run_logger().info(
            "%s workspace %s, commit %s",
            "going on in" if opened.is_continued else "made",
            opened.folder,
            checkout.commit[:12],
        )
        yield opened, opened.shell(MLFLOW_TRACKING_URI=tracking_uri())


def remote_of(project_dir: Path, revision: str) -> str | None:
    """The remote of a revision such as origin/main; None for what only this repository has."""
    if "/" not in revision:  # HEAD needs no remote, and no repository to ask for one
        return None
    remotes = git(project_dir, "remote").splitlines()
    return next((remote for remote in remotes if revision.startswith(f"{remote}/")), None)


@task(cache_policy=NO_CACHE, **RETRIES)
def fetch(project_dir: Path, remote: str) -> None:
    """Fetch what was pushed to a remote. Raises ConnectionError if it cannot be reached for now."""
    with naming_outages():
        git(project_dir, "fetch", "--quiet", remote)
