"""Flow `tune-pix2pix`: search for better parameters, in a workspace of its own."""

from prefect import State, flow
from prefect.states import Completed

from pipelines.flows.commands import check_parameters, pull, push
from pipelines.flows.parameters import AugmentForm, DataForm, ModelForm, TrainForm, TuneForm, given
from pipelines.flows.record import record_result, show
from pipelines.flows.run_names import run_name
from pipelines.flows.tuning import run_study
from pipelines.flows.workspaces import flow_workspace
from pipelines.repository.dvc_project import stages_up_to


@flow(name="tune-pix2pix", flow_run_name=run_name)
def tune_pix2pix(
    tune: TuneForm = TuneForm(),  # noqa: B008 - frozen
    data: DataForm = DataForm(),  # noqa: B008
    augment: AugmentForm = AugmentForm(),  # noqa: B008
    model: ModelForm = ModelForm(),  # noqa: B008
    train: TrainForm = TrainForm(),  # noqa: B008
    revision: str = "HEAD",
    include_local_changes: bool = False,
) -> State:
    """Run the study and save its report as a DVC experiment. No params.yaml is changed.

    Args:
        tune: which parameters are varied, and how trials are compared
        data: which pairs, and how they are prepared
        augment: random changes of training pairs
        model: the two networks, where the study does not vary them
        train: optimisation, where the study does not vary it
        revision: commit, branch or tag to run; a remote's, such as origin/main, is fetched first
        include_local_changes: also use uncommitted changes and new files of the working copy
    """
    overrides = given(tune=tune, data=data, augment=augment, model=model, train=train)
    with flow_workspace(
        overrides, revision=revision, include_local_changes=include_local_changes
    ) as (workspace, shell):
        check_parameters(shell)
        pull(shell, update_imports=False)
        run_study(shell)
        push(shell)
        result = record_result(shell, stages_up_to(shell.folder, ["tune"]))
        show(shell, result)
        workspace.discard()
    return Completed(message=str(result))
