"""A training's run in MLflow: made, described, and brought up to date with the training's files."""

from collections.abc import Sequence

from mlflow import MlflowClient

from pipelines.runs.folder import Folder
from pipelines.runs.history import Record
from pipelines.runs.samples import sample_names
from pipelines.tracking.described_run import open_described_run
from pipelines.tracking.description import RunDescription
from pipelines.tracking.run import MlflowRun


def open_training_run(client: MlflowClient, description: RunDescription) -> MlflowRun:
    """The run, made if there is none, with what it lacks of its description."""
    return open_described_run(
        client,
        description,
        experiment=description.experiment,
        name=f"{description.data.name}-{description.run_key[:8]}",
        stage="pipelines.stages.train",
        params=description.params,
        context="training",
    )


def bring_up_to_date(run: MlflowRun, history: Sequence[Record], samples: Folder) -> None:
    """Log the points and the sample grids that the run lacks.

    `history` is the truth about the training, and `samples` is the folder of its sample grids.
    What the run has already stays as it is. Grids are large, so they come last; a grid of an epoch
    that is not in the history is left for later, when that epoch was trained again.
    """
    run.log_records(history)
    times_s = {int(record["epoch"]): record["time_s"] for record in history}
    logged = run.logged_samples()
    for epoch, name in sample_names(samples).items():
        if epoch in times_s and epoch not in logged:
            run.log_sample(epoch, image=samples.read(name), time_s=times_s[epoch])
