"""Run a study in a workspace, show its report, and use its best parameters there."""

from pathlib import Path

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from pipelines.flows.artifacts import show_picture
from pipelines.flows.commands import pix2pix, reproduce_all
from pipelines.paths import BEST_PARAMS_PATH, TUNE_DIR
from pipelines.processes.shell import Shell
from pipelines.repository.dvc_project import stages_up_to
from pipelines.repository.workspace import Workspace

_PICTURES = ("curves", "slices", "importance")
_USED = "tuned"  # a file in the workspace that says: params.yaml has the best parameters


def run_study(shell: Shell) -> None:
    """Bring the stage `tune` up to date and show its report."""
    reproduce_all(shell, stages_up_to(shell.folder, ["tune"]))
    show_study(shell.folder / TUNE_DIR)


def tune_and_use(workspace: Workspace, shell: Shell) -> None:
    """Run the study and write its best parameters into the workspace's params.yaml, once.

    A later run that continues in the workspace must not search again, starting from the best
    parameters.
    """
    if not (workspace.folder / _USED).exists():
        run_study(shell)
        use_best(shell)
        (workspace.folder / _USED).touch()


@task(cache_policy=NO_CACHE)
def use_best(shell: Shell) -> None:
    """Write the best parameters into the workspace's params.yaml."""
    pix2pix(shell, "apply-tuned")


def show_study(folder: Path) -> None:
    """Create artifacts of the best parameters and of the plots."""
    best = (folder / BEST_PARAMS_PATH.name).read_text(encoding="utf-8")
    create_markdown_artifact(f"```yaml\n{best}```\n", key="best-parameters")
    for name in _PICTURES:
        if (folder / f"{name}.png").is_file():
            show_picture(folder / f"{name}.png", key=f"tuning-{name}", description=name)
