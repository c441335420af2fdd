"""A training's run in MLflow with all that is known of it from the start."""

from pipelines.paths import PREPARED_DIR
from pipelines.repository.origin import flatten
from pipelines.tracking.description import RunDescription
from pipelines.tracking.run import MlflowRun, connect, find_run, open_run

DATA_HASH_TAG = "pix2pix.data_hash"
GIT_COMMIT_TAG = "mlflow.source.git.commit"  # MLflow's own names; the UI shows them as "Source"
GIT_DIRTY_TAG = "mlflow.source.git.dirty"


def described_run(uri: str, description: RunDescription) -> MlflowRun:
    """The run, made if there is none, with what it lacks of its description.

    Raises ConnectionError naming `uri` if MLflow does not answer.
    """
    data, origin = description.data, description.origin
    tags = {
        DATA_HASH_TAG: data.data_hash,
        "mlflow.source.name": "pipelines.stages.train",
        "mlflow.source.type": "LOCAL",
        GIT_DIRTY_TAG: str(origin.is_dirty).lower(),
        "pix2pix.torch": origin.torch,
        "pix2pix.python": origin.python,
    }
    run = open_run(
        connect(uri),
        description.experiment,
        run_key=description.run_key,
        name=f"{data.name}-{description.run_key[:8]}",
        started_s=description.started_s,
        tags=tags if origin.commit is None else {GIT_COMMIT_TAG: origin.commit, **tags},
    )
    run.log_params(flatten(description.params))
    run.log_dataset(data, path=PREPARED_DIR, context="training")
    run.log_text("environment/requirements.txt", origin.packages)
    return run


def existing_run(uri: str, description: RunDescription) -> MlflowRun | None:
    """The run, if MLflow has it.

    Raises ConnectionError naming `uri` if MLflow does not answer.
    """
    return find_run(connect(uri), description.experiment, run_key=description.run_key)
