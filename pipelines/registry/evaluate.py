"""Score a registered model version on the prepared test split, as the stage `evaluate` does."""

import logging
import time
from pathlib import Path

from mlflow import MlflowClient

from pipelines.evaluation.model_fit import misfit
from pipelines.evaluation.scores import Evaluation, evaluate_model, write_evaluation
from pipelines.paths import EVALUATION_DIR, FEATURES_DIR, METRICS_PATH, PREPARED_DIR
from pipelines.registry.evaluation_run import log_evaluation
from pipelines.registry.lookup import find_version, label
from pipelines.registry.model_files import downloaded
from pipelines.registry.trained_pairs import leak
from pipelines.tracking.run import MlflowRun
from pix2pix.config import Params
from pix2pix.data.manifest import load_manifest
from pix2pix.errors import UserError
from pix2pix.evaluation.table import format_table
from pix2pix.model_card import load_card
from pix2pix.models import InferenceMode

logger = logging.getLogger(__name__)


def evaluate_version(
    client: MlflowClient, reference: str, *, params: Params, mode: InferenceMode | None
) -> MlflowRun:
    """Score a version on data/prepared, write reports/evaluation and log the scores as a run.

    `mode` None means the inference mode of the version, in which it translates. A version that was
    trained on some of the test pairs is scored with a warning.

    Raises UserError if there is no such version, or if the data does not fit it.
    """
    started_s = time.time()
    manifest = load_manifest(PREPARED_DIR)
    version = find_version(client, reference)
    known = leak(client, version, manifest, "test")
    with downloaded(client, version) as model_dir:
        card = load_card(model_dir)
        obstacle = misfit(card, manifest)
        if obstacle is not None:
            raise UserError(f"{label(version)} does not fit {PREPARED_DIR}: {obstacle}")
        evaluation = evaluate_model(
            PREPARED_DIR,
            model_dir,
            params.evaluate,
            group=params.data.group,
            features_dir=FEATURES_DIR,
            mode=mode,
            warnings=() if known is None else (known,),
        )
    files = _write(evaluation)
    logger.info("%s on the test split\n%s", label(version), format_table(evaluation.report))
    return log_evaluation(
        client,
        version,
        evaluation,
        own_mode=card.inference_mode,
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
