"""DVC stage `evaluate`: score the model and the baselines on the test split."""

import logging

from pipelines.entrypoint import run
from pipelines.evaluation.model_fit import check_trained_on
from pipelines.evaluation.scores import evaluate_model, write_evaluation
from pipelines.paths import (
    FEATURES_DIR,
    METRICS_PATH,
    METRICS_TABLE_PATH,
    MODEL_DIR,
    PREPARED_DIR,
)
from pipelines.repository.stage_inputs import read_inputs, refuse_changes
from pix2pix.config import load_params

logger = logging.getLogger(__name__)


def main() -> None:
    """Read params.yaml, models/ and data/prepared, write the metrics and pictures."""
    params = load_params()
    inputs = read_inputs("evaluate", params)
    check_trained_on(MODEL_DIR, PREPARED_DIR)
    evaluation = evaluate_model(
        PREPARED_DIR,
        MODEL_DIR,
        params.evaluate,
        group=params.data.group,
        features_dir=FEATURES_DIR,
    )
    write_evaluation(METRICS_PATH.parent, evaluation)
    refuse_changes(inputs)
    logger.info(
        "L1 on the test split: %.4f; all scores, with those of the baselines, are in %s",
        evaluation.report.test.metrics["l1"].value,
        METRICS_TABLE_PATH,
    )


if __name__ == "__main__":
    run(main)
