"""A training's run in MLflow: followed while it trains, completed from the files afterwards.

Tracking never decides about a result. While training it may fail without consequence; afterwards
`complete_run` puts there what is missing, or the whole run.
"""

from dataclasses import dataclass
from pathlib import Path

from pipelines.tracking.description import RunDescription
from pipelines.tracking.finished_run import read_finished_run
from pipelines.tracking.training_run import bring_up_to_date, open_training_run
from pipelines.tracking.uri import without_password


@dataclass(frozen=True, kw_only=True, slots=True)
class TrackedRun:
    """Where a run is found."""

    run_id: str
    experiment_id: str
    tracking_uri: str


def complete_run(uri: str, project_dir: Path, *, experiment: str) -> TrackedRun:
    """Make the run of the trained and evaluated model complete, or make it, from the files.

    It is recorded as what it was trained with, whatever params.yaml says by now; only in which
    `experiment` of MLflow it is, is decided here. A second call changes nothing. Raises UserError
    if a stage's files are missing, and ConnectionError naming `uri` if MLflow does not answer.
    """
    finished = read_finished_run(project_dir)
    training = finished.training
    description = RunDescription(
        run_key=training.run_key,
        started_s=training.started_s,
        experiment=experiment,
        params=training.params,
        data=training.data,
        origin=training.origin,
    )
    run = open_training_run(uri, description)
    bring_up_to_date(run, finished.history, finished.samples)
    run.log_scores(finished.scores, time_s=finished.ended_s)
    run.log_files(finished.reports, sha256=finished.reports_sha256)
    run.set_tags({f"dvc.{path}": md5 for path, md5 in finished.outputs.items()})
    run.set_status("FINISHED", ended_s=finished.ended_s)
    return TrackedRun(
        run_id=run.run_id, experiment_id=run.experiment_id, tracking_uri=without_password(uri)
    )
