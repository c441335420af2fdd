"""A training's run in MLflow: made, described, and brought up to date with the training's files."""

from collections.abc import Mapping, Sequence

from mlflow import MlflowClient

from pipelines.runs.folder import Folder
from pipelines.runs.history import Record
from pipelines.runs.samples import sample_names
from pipelines.tracking.described_run import open_described_run
from pipelines.tracking.description import RunDescription
from pipelines.tracking.note import run_note
from pipelines.tracking.run import NOTHING, MlflowRun, Steps
from pipelines.tracking.run_params import shown_params


def open_training_run(
    client: MlflowClient, description: RunDescription, *, described: str | None = None
) -> MlflowRun:
    """The run, made if there is none, with what it lacks of its description.

    `described` is the id of a run that has all of it.
    """
    return open_described_run(
        client,
        description,
        experiment=description.experiment,
        name=description.name,
        stage="pipelines.stages.train",
        params=shown_params(description.params),
        context="training",
        described=described,
    )


def bring_up_to_date(
    run: MlflowRun, history: Sequence[Record], samples: Folder, *, known: Steps = NOTHING
) -> Steps:
    """Log the points and the sample grids that the run lacks; `known` as for `log_records`.

    `history` is the truth about the training, and `samples` is the folder of its sample grids.
    What the run has already stays as it is. Grids are large, so they come last; a grid of an epoch
    that is not in the history is left for later, when that epoch was trained again.
    """
    steps = run.log_records(history, known)
    times_s = {int(record["epoch"]): record["time_s"] for record in history}
    logged = run.logged_samples()
    for epoch, name in sample_names(samples).items():
        if epoch in times_s and epoch not in logged:
            run.log_sample(epoch, image=samples.read(name), time_s=times_s[epoch])
    return steps


def describe(
    run: MlflowRun,
    description: RunDescription,
    history: Sequence[Record],
    scores: Mapping[str, float],
) -> None:
    """Write the description of the run as it is now; `scores` are empty before the evaluation."""
    grids = run.logged_samples()
    grid_path = grids[max(grids)] if grids else None
    run.set_note(run_note(description, history, scores, run_id=run.run_id, grid_path=grid_path))
