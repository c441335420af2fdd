"""Complete a training's run in MLflow from the project's files, after training and evaluation.

While the training runs, MLflow may fail without consequence: what it lacks afterwards, or the whole
run, is logged here.
"""

from pathlib import Path

from mlflow import MlflowClient

from pipelines.tracking.description import RunDescription
from pipelines.tracking.finished_run import read_finished_run
from pipelines.tracking.run import MlflowRun
from pipelines.tracking.training_run import bring_up_to_date, describe, open_training_run


def complete_run(client: MlflowClient, project_dir: Path, *, experiment: str) -> MlflowRun:
    """Log what the run of the trained and evaluated model lacks; make the run if there is none.

    The parameters, data and origin that are logged are those of the training, whatever params.yaml
    says now; only the `experiment` is the caller's choice. A second call changes nothing. Raises
    UserError if a stage's files are missing.
    """
    finished = read_finished_run(project_dir)
    training = finished.training
    description = RunDescription(
        **training.beginning(),
        experiment=experiment,
        parent=None if training.parent is None else training.parent.reference,
    )
    run = open_training_run(client, description)
    held = bring_up_to_date(run, finished.history, finished.samples)
    run.log_scores(finished.scores, time_s=finished.ended_s)
    run.log_files(finished.reports, dvc_md5=finished.outputs)
    describe(run, description, finished.history, finished.scores, grids=held.grids)
    run.set_status("FINISHED", ended_s=finished.ended_s)
    return run
