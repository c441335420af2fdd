"""Log a model folder as a logged model of an MLflow run, with the metrics of its weights."""

import tempfile
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Dataset, LoggedModel, LoggedModelOutput, Metric, Run
from mlflow.models import Model

from pipelines.evaluation.model_content import content_hash
from pipelines.registry.mlflow_state import CONTENT_TAG, LOGGED_TAG
from pipelines.registry.package import write_package
from pipelines.tracking.run import SCORES_STEP
from pix2pix.files import written_to
from pix2pix.inference import Images
from pix2pix.model_card import ModelCard

TEST_PREFIX = "test/"
_SYSTEM_PREFIX = "system/"


def log_model(
    client: MlflowClient,
    run: Run,
    model_dir: Path,
    *,
    name: str,
    card: ModelCard,
    example: Images,
) -> LoggedModel:
    """Upload the package as a logged model of the run, and link it once it is complete.

    What a killed process began with the same weights and card is completed: MLflow would show it as
    pending for ever, or a second one beside it. `example` is one source image (H, W, C). The step
    of the model is its epoch. Raises StorageError if the disk of temporary files is full.
    """
    run_id = run.info.run_id
    content = content_hash(model_dir)
    logged = _begun(client, run, name, content=content) or client.create_logged_model(
        run.info.experiment_id,
        name=name,
        source_run_id=run_id,
        tags={CONTENT_TAG: content},
        params=run.data.params,
    )
    head = Model(
        artifact_path=logged.artifact_location,
        run_id=run_id,
        model_uuid=logged.model_id,
        model_id=logged.model_id,
    )
    with tempfile.TemporaryDirectory() as staging:
        folder = Path(staging) / "package"
        with written_to(Path(staging)):
            write_package(folder, model_dir, card=card, example=example, head=head)
        client.log_model_artifacts(logged.model_id, str(folder))
    client.finalize_logged_model(logged.model_id, "READY")
    outputs = [] if run.outputs is None else run.outputs.model_outputs
    if logged.model_id not in {output.model_id for output in outputs}:  # MLflow refuses a second
        client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=card.epoch)])
    return logged


def _begun(client: MlflowClient, run: Run, name: str, *, content: str) -> LoggedModel | None:
    """A logged model of the run with this content that no version was made of.

    The process that began it was killed, or the version was deleted.
    """
    run_id = run.info.run_id
    versions = client.search_model_versions(f"run_id = '{run_id}'")
    taken = {version.tags.get(LOGGED_TAG) for version in versions}
    models = client.search_logged_models(
        [run.info.experiment_id],
        filter_string=(
            f"source_run_id = '{run_id}' AND name = '{name}' AND tags.`{CONTENT_TAG}` = '{content}'"
        ),
    )
    return next((model for model in models if model.model_id not in taken), None)


def link_metrics(
    client: MlflowClient,
    run: Run,
    *,
    model_id: str,
    epoch: int,
    is_evaluated: bool = True,
    dataset: Dataset | None = None,
) -> None:
    """Link a run's metrics to a logged model, as MLflow's own logging functions do.

    Test metrics are taken from step `SCORES_STEP`, the others from `epoch`, whose weights the model
    has; of several values the latest. The points are logged again with the same time and value,
    which the database of MLflow does not store twice. Left out are the metrics of the machine and,
    unless the model `is_evaluated`, the test metrics. `dataset` is the data set of the metrics, if
    the model was not trained on it.
    """
    run_id = run.info.run_id
    points = []
    for key in run.data.metrics:
        is_test = key.startswith(TEST_PREFIX)
        if key.startswith(_SYSTEM_PREFIX) or (is_test and not is_evaluated):
            continue
        step = SCORES_STEP if is_test else epoch
        history = [point for point in client.get_metric_history(run_id, key) if point.step == step]
        if history:
            last = max(history, key=lambda point: point.timestamp)
            points.append(
                Metric(
                    key,
                    last.value,
                    last.timestamp,
                    step,
                    model_id=model_id,
                    dataset_name=dataset.name if dataset else None,
                    dataset_digest=dataset.digest if dataset else None,
                    run_id=run_id,
                )
            )
    client.log_batch(run_id, metrics=points, synchronous=True)
