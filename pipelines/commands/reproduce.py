"""`pix2pix reproduce`: train a registered model again, and compare the weights."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from pipelines.registry.reference import REFERENCE_HELP
from pix2pix.errors import UserError

logger = logging.getLogger(__name__)


def reproduce(
    model: Annotated[str, typer.Argument(help=f"Registered model: {REFERENCE_HELP}.")],
    allow_changed_environment: Annotated[
        bool,
        typer.Option(
            "--allow-changed-environment",
            help="Train also if packages or the machine are not those of the training.",
        ),
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the checkout with the new model.")
    ] = False,
) -> None:
    """Train a registered model again and compare the weights.

    It checks out the commit of the version, with the changes that were not committed, prepares its
    data, trains and scores it. The exit code is 0 if the weights are equal, bit for bit, or if the
    test scores agree where equal weights cannot be promised. The certificate is written to
    reports/reproductions and to MLflow.

    For example: pix2pix reproduce models:/pix2pix-facades-drawn/3
    """
    from pipelines.reproduction.reproduce import reproduce as reproduce_version

    certificate = reproduce_version(
        model, Path(), allows_changes=allow_changed_environment, keeps=keep
    )
    summary = f"{certificate.model} version {certificate.version} was {certificate.result}"
    if not certificate.verdict.is_reproduced:
        raise UserError(f"{summary}: {certificate.verdict.reason}")
    logger.info("%s: %s", summary, certificate.verdict.reason)
