"""Score a registered model version on the prepared test split, as the stage `evaluate` does."""

import argparse
import logging
import time
from collections.abc import Sequence
from pathlib import Path

from mlflow import MlflowClient

from pipelines.entrypoint import run
from pipelines.evaluation.model_fit import misfit
from pipelines.evaluation.scores import Evaluation, evaluate_model, write_evaluation
from pipelines.paths import EVALUATION_DIR, METRICS_PATH, PREPARED_DIR
from pipelines.registry.evaluation_run import log_evaluation
from pipelines.registry.lookup import REFERENCE_HELP, connected, find_version, label
from pipelines.registry.model_files import downloaded
from pipelines.tracking.run import MlflowRun
from pipelines.tracking.uri import tracking_uri
from pix2pix.checkpoint import load_card
from pix2pix.config import Params, load_params
from pix2pix.data.manifest import load_manifest
from pix2pix.errors import UserError
from pix2pix.evaluation.table import format_table

logger = logging.getLogger(__name__)


def evaluate_version(client: MlflowClient, reference: str, *, params: Params) -> MlflowRun:
    """Score a version on data/prepared, write reports/evaluation and log the scores as a run.

    Raises UserError if there is no such version, or if the data does not fit it.
    """
    started_s = time.time()
    manifest = load_manifest(PREPARED_DIR)
    version = find_version(client, reference)
    with downloaded(client, version) as model_dir:
        obstacle = misfit(load_card(model_dir), manifest)
        if obstacle is not None:
            raise UserError(f"{label(version)} does not fit {PREPARED_DIR}: {obstacle}")
        evaluation = evaluate_model(PREPARED_DIR, model_dir, params.evaluate)
    files = _write(evaluation)
    logger.info("%s on the test split\n%s", label(version), format_table(evaluation.report))
    return log_evaluation(
        client,
        version,
        evaluation,
        experiment=f"{params.register.experiment}-evaluations",
        manifest=manifest,
        data_name=params.data.name,
        files=files,
        started_s=started_s,
    )


def _write(evaluation: Evaluation) -> dict[str, Path]:
    """Write the files; return them by the artifact names that a training's run uses for them."""
    return {
        (METRICS_PATH.parent / path.relative_to(EVALUATION_DIR)).as_posix(): path
        for path in write_evaluation(EVALUATION_DIR, evaluation)
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Read params.yaml, data/prepared and the registry, write reports/evaluation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help=REFERENCE_HELP)
    options = parser.parse_args(arguments)
    params = load_params()
    with connected(tracking_uri()) as client:
        logged = evaluate_version(client, options.model, params=params)
    logger.info("MLflow run %s", logged.run_id)


if __name__ == "__main__":
    run(main)
