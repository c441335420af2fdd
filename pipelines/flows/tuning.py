"""A study in a workspace: run, shown, and its parameters used there."""

from pathlib import Path

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from pipelines.flows.artifacts import show_picture
from pipelines.flows.commands import python, reproduce_all
from pipelines.paths import TUNE_DIR
from pipelines.processes.shell import Shell
from pipelines.repository.dvc_project import stages_up_to
from pipelines.repository.workspace import Workspace

_PICTURES = ("curves", "slices", "importance")
_USED = "tuned"  # a file in the workspace: params.yaml has the values found


def run_study(shell: Shell) -> None:
    """Bring the stage `tune` up to date and show what it found."""
    reproduce_all(shell, stages_up_to(shell.folder, ["tune"]))
    show_study(shell.folder / TUNE_DIR)


def tune_and_use(held: Workspace, shell: Shell) -> None:
    """Search, and write what was found into the workspace's params.yaml, once.

    A run that goes on in the workspace must not search again, from the parameters found.
    """
    if not (held.folder / _USED).exists():
        run_study(shell)
        use_best(shell)
        (held.folder / _USED).touch()


@task(cache_policy=NO_CACHE)
def use_best(shell: Shell) -> None:
    """Write the best parameters into the workspace's params.yaml."""
    python(shell, "pipelines.commands.apply_tuned")


def show_study(folder: Path) -> None:
    """Artifacts of the report and its plots."""
    best = (folder / "best_params.yaml").read_text(encoding="utf-8")
    create_markdown_artifact(f"```yaml\n{best}```\n", key="best-parameters")
    for name in _PICTURES:
        if (folder / f"{name}.png").is_file():
            show_picture(folder / f"{name}.png", key=f"tuning-{name}", description=name)
