"""`pix2pix evaluate`: score a registered model on the prepared data."""

import logging
from typing import Annotated, Literal

import typer

from pipelines.registry.reference import REFERENCE_HELP

logger = logging.getLogger(__name__)


def evaluate(
    model: Annotated[str, typer.Option(help=f"Registered model: {REFERENCE_HELP}.")],
    mode: Annotated[
        Literal["published", "deterministic"] | None,
        typer.Option(
            help="Inference mode: published (with dropout, and batch norm over each image) or "
            "deterministic. Without it, the mode that the training chose by dev L1."
        ),
    ] = None,
) -> None:
    """Score a registered model on the test pairs of data/prepared.

    The scores are computed as the stage `evaluate` computes them. They are written to
    reports/evaluation and to MLflow. With --mode nothing of the model changes: it translates in
    the mode that the training chose.

    For example: pix2pix evaluate --model pix2pix-facades-drawn@champion
    """
    from pipelines.registry.evaluate import evaluate_version
    from pipelines.tracking.connection import connected
    from pipelines.tracking.uri import recorded_uri
    from pix2pix.config import load_params

    params = load_params()
    with connected(recorded_uri()) as client:
        logged = evaluate_version(client, model, params=params, mode=mode)
    logger.info("MLflow run %s", logged.run_id)
