"""A run in MLflow that says of which parameters, data set, commit and packages it is."""

import json
from collections.abc import Mapping

from mlflow import MlflowClient
from mlflow.utils.mlflow_tags import (
    MLFLOW_GIT_COMMIT,
    MLFLOW_GIT_DIRTY,
    MLFLOW_SOURCE_NAME,
    MLFLOW_SOURCE_TYPE,
    MLFLOW_USER,
)

from pipelines.tracking.description import RunDescription
from pipelines.tracking.run import MlflowRun
from pipelines.tracking.run_by_key import open_run

DATA_HASH_TAG = "pix2pix.data_hash"
PARENT_TAG = "parent"  # the trained model that a training started from


def open_described_run(
    client: MlflowClient,
    description: RunDescription,
    *,
    experiment: str,
    name: str,
    stage: str,
    params: Mapping[str, str],
    context: str,
    described: str | None,
) -> MlflowRun:
    """The run, made if there is none, with what it lacks of its description.

    `stage` is the module that the run is of, `params` are the parameters that the run shows, and
    `context` says what the data set was used for. The file `params.json` of the run has all
    parameters. `described` is the id of a run that has all of its description.
    """
    run = open_run(
        client,
        experiment,
        run_key=description.run_key,
        name=name,
        started_s=description.started_s,
        tags=_tags(description, stage),
    )
    if run.run_id == described:
        return run
    run.log_params(params)
    run.log_dataset(description.data, context=context)
    run.log_texts(
        {
            "params.json": json.dumps(description.params, indent=1),
            "environment/requirements.txt": description.origin.packages,
        }
    )
    return run


def _tags(description: RunDescription, stage: str) -> dict[str, str]:
    """The tags that a run has from its start; those of what is not known are left out."""
    origin = description.origin
    tags = {
        DATA_HASH_TAG: description.data.data_hash,
        MLFLOW_SOURCE_NAME: stage,
        MLFLOW_SOURCE_TYPE: "LOCAL",
        MLFLOW_GIT_DIRTY: str(origin.is_dirty).lower(),
        "pix2pix.torch": origin.torch,
        "pix2pix.python": origin.python,
    }
    known = {
        MLFLOW_GIT_COMMIT: origin.commit,
        MLFLOW_USER: description.user,
        PARENT_TAG: description.parent,
    }
    return tags | {tag: value for tag, value in known.items() if value is not None}
