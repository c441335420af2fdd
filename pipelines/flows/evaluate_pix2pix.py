"""Flow `evaluate-pix2pix`: score a registered model version on the test pairs of a data set."""

import json
from typing import Literal

from prefect import State, flow, task
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed

from pipelines.flows.artifacts import show_picture, show_scores
from pipelines.flows.commands import RETRIES, check_parameters, pix2pix, pull, reproduce_all
from pipelines.flows.parameters import DataForm, EvaluateForm, RegisterForm, given
from pipelines.flows.run_names import run_name
from pipelines.flows.workspaces import flow_workspace
from pipelines.paths import EVALUATION_DIR, METRICS_PATH, PANELS_DIR
from pipelines.processes.shell import Shell
from pipelines.repository.dvc_project import stages_up_to


@flow(name="evaluate-pix2pix", flow_run_name=run_name)
def evaluate_pix2pix(
    model: str,
    mode: Literal["published", "deterministic"] | None = None,
    data: DataForm = DataForm(),  # noqa: B008 - frozen
    evaluate: EvaluateForm = EvaluateForm(),  # noqa: B008
    register: RegisterForm = RegisterForm(),  # noqa: B008
    revision: str = "HEAD",
) -> State:
    """Prepare the data and score a registered model on its test split; MLflow gets the scores.

    Args:
        model: registered model: NAME/VERSION, NAME@ALIAS, or NAME: its latest version
        mode: inference mode: published (with dropout, and batch norm over each image) or
            deterministic; by default the mode that the training chose by dev L1
        data: which pairs, and how they are prepared
        evaluate: how the test split is scored
        register: the MLflow experiment
        revision: commit, branch or tag to run; a remote's, such as origin/main, is fetched first
    """
    overrides = given(data=data, evaluate=evaluate, register=register)
    with flow_workspace(overrides, revision=revision, include_local_changes=False) as (
        workspace,
        shell,
    ):
        check_parameters(shell)
        pull(shell, update_imports=False)
        reproduce_all(shell, stages_up_to(shell.folder, ["prepare"]))
        score(shell, model, mode)
        workspace.discard()
    return Completed(message=f"{model} is scored")


@task(cache_policy=NO_CACHE, **RETRIES)
def score(shell: Shell, model: str, mode: str | None) -> None:
    """Score the model, and show the scores and the best panels; `mode` None is the model's own."""
    pix2pix(shell, "evaluate", "--model", model, *([] if mode is None else ["--mode", mode]))
    folder = shell.folder / EVALUATION_DIR
    metrics = json.loads((folder / METRICS_PATH.name).read_text())  # the command has written it
    rows = [{"metric": name, "value": value} for name, value in metrics["test"].items()]
    show_scores(rows, key="evaluation", description=f"{model} on the test pairs")
    panels = folder / PANELS_DIR.name / "best.png"
    if panels.is_file():
        show_picture(panels, key="evaluation-panels", description="pairs with the lowest L1")
