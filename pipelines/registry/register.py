"""Register a model folder as a version of an MLflow model, once per training and content."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import LoggedModel, Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode
from mlflow.utils.mlflow_tags import MLFLOW_GIT_COMMIT, MLFLOW_MODEL_VERSIONS, MLFLOW_USER

from pipelines.evaluation.model_content import content_hash
from pipelines.registry.logged_model import TEST_PREFIX, link_metrics, log_model
from pipelines.registry.mlflow_state import CONTENT_TAG, LOGGED_TAG
from pipelines.registry.version_description import version_description
from pipelines.registry.version_tags import set_version_tags
from pipelines.tracking.described_run import DATA_HASH_TAG, PARENT_TAG
from pipelines.tracking.run import MlflowRun
from pipelines.tracking.run_by_key import RUN_KEY_TAG
from pipelines.tracking.uri import without_password
from pix2pix.inference import Images
from pix2pix.model_card import ModelCard, load_card

_LOGGED_NAME = "generator"  # the name of the logged model in its run
_BASELINE_PREFIX = f"{TEST_PREFIX}baseline_"


@dataclass(frozen=True, kw_only=True, slots=True)
class Registration:
    """A version of a registered model: part of the content of register.json."""

    model: str
    version: str
    model_uri: str
    run_id: str
    experiment_id: str
    tracking_uri: str


def register_model(
    client: MlflowClient, run: MlflowRun, model_dir: Path, *, name: str, example: Images
) -> Registration:
    """Register the model in `model_dir`, trained by `run`, as a version of `name`.

    `example` is one source image (H, W, C). If the run already has a version with the same weights
    and card, only its tags and description are updated. Equal weights from another training become
    another version. Raises UserError if the model folder is not complete.
    """
    card = load_card(model_dir)
    content = content_hash(model_dir)
    tracked = client.get_run(run.run_id)
    tags = {CONTENT_TAG: content, **_tags(card, tracked)}
    version = _find_version(client, name, run_id=run.run_id, content=content)
    if version is None:
        logged = log_model(
            client, tracked, model_dir, name=_LOGGED_NAME, card=card, example=example
        )
        # MLflow's databases do not store which logged model a version was made of.
        tags[LOGGED_TAG] = logged.model_id
        version = _create_version(client, name, tracked, logged=logged, tags=tags)
    set_version_tags(client, version, tags)
    description = version_description(card, tracked.data.metrics)
    # Behind it, `decision.py` adds the comparison with the champion.
    if not (version.description or "").startswith(description):
        client.update_model_version(name, version.version, description)
    model_id = version.tags[LOGGED_TAG]
    # The link from the logged model to its version, also where an earlier registration was killed
    # before it. A server sets it by itself, a database does not.
    link = [{"name": name, "version": version.version}]
    client.set_logged_model_tags(model_id, {MLFLOW_MODEL_VERSIONS: json.dumps(link)})
    link_metrics(client, tracked, model_id=model_id, epoch=card.epoch)
    return Registration(
        model=name,
        version=str(version.version),
        model_uri=f"models:/{name}/{version.version}",
        run_id=run.run_id,
        experiment_id=run.experiment_id,
        tracking_uri=without_password(client.tracking_uri),
    )


def _find_version(
    client: MlflowClient, name: str, *, run_id: str, content: str
) -> ModelVersion | None:
    for version in client.search_model_versions(f"run_id = '{run_id}'"):
        if version.name == name and version.tags.get(CONTENT_TAG) == content:
            return version
    return None


def _create_version(
    client: MlflowClient, name: str, run: Run, *, logged: LoggedModel, tags: Mapping[str, str]
) -> ModelVersion:
    if not client.search_registered_models(f"name = '{name}'", max_results=1):
        try:
            client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
                raise  # if it exists, another registration has made it in this moment
    return client.create_model_version(
        name,
        # Not `models:/<id>`: without a server, MLflow would look up this id at the default URI of
        # the process, not at this client's URI.
        logged.artifact_location,
        run_id=run.info.run_id,
        tags=dict(tags),
        model_id=logged.model_id,
    )


def _tags(card: ModelCard, run: Run) -> dict[str, str]:
    kept = (RUN_KEY_TAG, DATA_HASH_TAG, MLFLOW_GIT_COMMIT, PARENT_TAG, MLFLOW_USER)
    return {
        **{key: run.data.tags[key] for key in kept if key in run.data.tags},
        "pix2pix.inference_mode": card.inference_mode,
        **{key: repr(value) for key, value in _scores(card, run).items()},
    }


def _scores(card: ModelCard, run: Run) -> dict[str, float]:
    """The metrics of the model's weights: dev metrics from the card, test metrics from the run."""
    return card.dev | {
        key: value
        for key, value in sorted(run.data.metrics.items())
        if key.startswith(TEST_PREFIX) and not key.startswith(_BASELINE_PREFIX)
    }
