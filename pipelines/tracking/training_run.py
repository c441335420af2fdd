"""A training's run in MLflow: made, described, and brought up to date with the training's files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlflow import MlflowClient

from pipelines.runs.folder import Folder
from pipelines.runs.history import Record
from pipelines.runs.samples import sample_names
from pipelines.tracking.described_run import open_described_run
from pipelines.tracking.description import RunDescription
from pipelines.tracking.note import run_note
from pipelines.tracking.run import NOTHING, MlflowRun, Steps
from pipelines.tracking.run_params import shown_params
from pipelines.tracking.samples import log_sample, logged_samples


@dataclass(frozen=True, slots=True)
class Held:
    """What a run has: the epochs of its metrics, and its sample grids."""

    run_id: str
    steps: Steps
    grids: Mapping[int, str]  # artifact path by epoch


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
    run: MlflowRun, history: Sequence[Record], samples: Folder, *, known: Held | None = None
) -> Held:
    """Log the points and the sample grids that the run lacks. Returns what it has now.

    `history` is the truth about the training, and `samples` is the folder of its sample grids.
    What the run has already stays as it is; `known` is what an earlier call has returned, and
    MLflow is not asked for it again, unless that was of another run. Grids are large, so they come
    last; a grid of an epoch that is not in the history is left for later, when that epoch was
    trained again.
    """
    if known is None or known.run_id != run.run_id:
        known = Held(run.run_id, NOTHING, logged_samples(run.client, run.run_id))
    steps = run.log_records(history, known.steps)
    times_s = {int(record["epoch"]): record["time_s"] for record in history}
    grids = dict(known.grids)
    for epoch, name in sample_names(samples).items():
        if epoch in times_s and epoch not in grids:
            png, time_s = samples.read(name), times_s[epoch]
            grids[epoch] = log_sample(run.client, run.run_id, epoch=epoch, png=png, time_s=time_s)
    return Held(run.run_id, steps, grids)


def describe(
    run: MlflowRun,
    description: RunDescription,
    history: Sequence[Record],
    scores: Mapping[str, float],
    *,
    grids: Mapping[int, str],
) -> None:
    """Write the description of the run as it is now; `scores` are empty before the evaluation.

    `grids` are the artifact paths of its sample grids by epoch.
    """
    grid_path = grids[max(grids)] if grids else None
    run.set_note(run_note(description, history, scores, run_id=run.run_id, grid_path=grid_path))
