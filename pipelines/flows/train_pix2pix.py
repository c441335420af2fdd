"""Flow `train-pix2pix`: run all stages from the data to a registered model in a workspace.

`python -m pipelines.flows.train_pix2pix` runs the flow at once in this process. prefect.yaml has
its deployments on a Prefect server.
"""

import argparse
import json
import logging
from collections.abc import Sequence

from prefect import State, flow, task
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed

from pipelines.entrypoint import run
from pipelines.flows.commands import (
    RETRIES,
    check_parameters,
    pull,
    push,
    python,
    reproduce_all,
)
from pipelines.flows.parameters import (
    AugmentForm,
    DataForm,
    EvaluateForm,
    ModelForm,
    RegisterForm,
    TrainForm,
    TuneForm,
    check_sections,
    given,
)
from pipelines.flows.record import REGISTER, Result, record_result, show, show_decision
from pipelines.flows.run_names import run_name
from pipelines.flows.server import check_server
from pipelines.flows.settings import nested
from pipelines.flows.tuning import tune_and_use
from pipelines.flows.workspaces import flow_workspace
from pipelines.paths import NEW_DATA_PATH
from pipelines.processes.shell import Shell
from pipelines.repository.dvc_project import stages_up_to
from pix2pix.errors import UserError


@flow(name="train-pix2pix", flow_run_name=run_name)
def train_pix2pix(
    data: DataForm = DataForm(),  # noqa: B008 - frozen
    augment: AugmentForm = AugmentForm(),  # noqa: B008
    model: ModelForm = ModelForm(),  # noqa: B008
    train: TrainForm = TrainForm(),  # noqa: B008
    tune: TuneForm = TuneForm(),  # noqa: B008
    evaluate: EvaluateForm = EvaluateForm(),  # noqa: B008
    register: RegisterForm = RegisterForm(),  # noqa: B008
    revision: str = "HEAD",
    include_local_changes: bool = False,
    targets: Sequence[str] = (REGISTER,),
    only_new_data: bool = False,
    tune_first: bool = False,
) -> State:
    """Bring the target stages and all that they need up to date, and record the result.

    Parameters that are not given come from params.yaml at the revision. The working copy is not
    changed.

    Args:
        data: which pairs, and how they are prepared
        augment: random changes of training pairs
        model: the two networks
        train: optimisation, and where it runs
        tune: the search for better parameters, with tune_first
        evaluate: how the test split is scored
        register: where the run and the model go in MLflow, and when it becomes the champion
        revision: commit, branch or tag to run; a remote's, such as origin/main, is fetched first
        include_local_changes: also use uncommitted changes and new files of the working copy
        targets: stages of dvc.yaml to bring up to date
        only_new_data: update imported data, and end early if a model was trained on the same data
        tune_first: search for better parameters first, and train with the best ones
    """
    overrides = given(
        data=data,
        augment=augment,
        model=model,
        train=train,
        tune=tune,
        evaluate=evaluate,
        register=register,
    )
    with flow_workspace(
        overrides,
        revision=revision,
        include_local_changes=include_local_changes,
        variant="tuned" if tune_first else "",
    ) as (workspace, shell):
        check_parameters(shell)
        pull(shell, update_imports=only_new_data)
        stages = stages_up_to(shell.folder, targets)
        if only_new_data and not _has_new_data(shell):
            workspace.discard()
            return Completed(name="Skipped", message="these data were trained on before")
        if tune_first:
            tune_and_use(workspace, shell)
        result = _reproduce_and_record(shell, stages)
        workspace.discard()
    return Completed(message=str(result))


def _reproduce_and_record(shell: Shell, stages: list[str]) -> Result:
    """Bring the stages up to date, record the result, and show it."""
    reproduce_all(shell, stages)
    push(shell)
    if REGISTER in stages:
        show_decision(shell)
    result = record_result(shell, stages)
    show(shell, result)
    return result


def _has_new_data(shell: Shell) -> bool:
    """Prepare the data, and return whether no registered model was trained on it."""
    reproduce_all(shell, stages_up_to(shell.folder, ["prepare"]))
    return is_new_data(shell)


@task(cache_policy=NO_CACHE, **RETRIES)
def is_new_data(shell: Shell) -> bool:
    """Whether no registered model was trained on the prepared data."""
    python(shell, "pipelines.registry.is_new_data")
    answer = json.loads((shell.folder / NEW_DATA_PATH).read_text())  # the command has written it
    return bool(answer["is_new"])


def main() -> None:
    """Run the flow once, with the options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.flows.train_pix2pix")
    parser.add_argument("--revision", default="HEAD", help="commit, branch or tag (HEAD)")
    parser.add_argument("--include-local-changes", action="store_true")
    parser.add_argument("--tune-first", action="store_true", help="search, use what was found")
    parser.add_argument("--targets", nargs="+", default=[REGISTER], metavar="STAGE")
    parser.add_argument(
        "-S", "--set-param", action="append", default=[], metavar="train.num_epochs=3"
    )
    chosen = parser.parse_args()
    sections = nested(chosen.set_param)
    try:
        check_sections(sections)
    except UserError as error:
        raise UserError(f"--set-param: {error}") from None
    check_server()
    logging.getLogger("httpx").setLevel(logging.WARNING)  # httpx logs each request at level INFO
    train_pix2pix(
        **sections,
        revision=chosen.revision,
        include_local_changes=chosen.include_local_changes,
        targets=chosen.targets,
        tune_first=chosen.tune_first,
    )


if __name__ == "__main__":
    run(main)
