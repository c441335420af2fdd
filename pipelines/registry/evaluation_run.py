"""Log the evaluation of a registered version as an MLflow run."""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import LoggedModelInput
from mlflow.entities.model_registry import ModelVersion
from mlflow.utils.mlflow_tags import MLFLOW_SOURCE_NAME, MLFLOW_SOURCE_TYPE, MLFLOW_USER

from pipelines.evaluation.scores import Evaluation
from pipelines.registry.logged_model import link_metrics
from pipelines.registry.mlflow_state import CONTENT_TAG, LOGGED_TAG
from pipelines.repository.dotted_keys import flatten
from pipelines.tracking.described_run import DATA_HASH_TAG
from pipelines.tracking.description import data_record
from pipelines.tracking.finished_run import scores_of
from pipelines.tracking.run import SCORES_STEP, MlflowRun
from pipelines.tracking.run_by_key import open_run
from pipelines.tracking.user import current_user
from pix2pix.data.manifest import Manifest
from pix2pix.evaluation.protocol import Protocol
from pix2pix.evaluation.report import report_json
from pix2pix.models import InferenceMode


def log_evaluation(
    client: MlflowClient,
    version: ModelVersion,
    evaluation: Evaluation,
    *,
    own_mode: InferenceMode,
    experiment: str,
    manifest: Manifest,
    data_name: str,
    files: Mapping[str, Path],
    started_s: float,
) -> MlflowRun:
    """Log scores, protocol and files as a run in `experiment`, linked to the model.

    In another inference mode than `own_mode`, the version's, the scores are not those of the
    version: the name of the run says the mode, and the model does not show its scores.
    Repeated evaluations of one version on the same data under the same protocol share one run.
    """
    protocol = evaluation.report.protocol
    is_own = protocol.inference_mode == own_mode
    name = f"{version.name}/{version.version} on {data_name}"
    run = open_run(
        client,
        experiment,
        run_key=_run_key(version, manifest, protocol),
        name=name if is_own else f"{name}, {protocol.inference_mode}",
        started_s=started_s,
        tags=_tags(version, manifest),
    )
    run.log_params(flatten({"protocol": asdict(protocol)}))
    run.log_dataset(data_record(manifest, name=data_name), context="evaluation")
    run.log_scores(scores_of(report_json(evaluation.report)), time_s=time.time())
    run.log_files(files)
    _link(run, version, with_scores=is_own)
    run.set_status("FINISHED", ended_s=time.time())
    return run


def _run_key(version: ModelVersion, manifest: Manifest, protocol: Protocol) -> str:
    """A hash of everything that the scores depend on."""
    parts = [version.name, str(version.version), version.tags[CONTENT_TAG], manifest.data_hash]
    text = json.dumps([*parts, asdict(protocol)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _tags(version: ModelVersion, manifest: Manifest) -> dict[str, str]:
    return {
        MLFLOW_USER: current_user(),
        DATA_HASH_TAG: manifest.data_hash,
        CONTENT_TAG: version.tags[CONTENT_TAG],
        "pix2pix.model": version.name,
        "pix2pix.model_version": str(version.version),
        "pix2pix.trained_by_run": str(version.run_id),
        MLFLOW_SOURCE_NAME: "pipelines.registry.evaluate",
        MLFLOW_SOURCE_TYPE: "LOCAL",
    }


def _link(run: MlflowRun, version: ModelVersion, *, with_scores: bool) -> None:
    """Link the run to the model, and its scores to the model and the data, for MLflow's UI."""
    model_id = version.tags[LOGGED_TAG]
    run.client.log_inputs(run.run_id, models=[LoggedModelInput(model_id)])
    if not with_scores:
        return
    logged = run.client.get_run(run.run_id)
    assert logged.inputs is not None  # logged above
    [data] = logged.inputs.dataset_inputs
    link_metrics(run.client, logged, model_id=model_id, epoch=SCORES_STEP, dataset=data.dataset)
