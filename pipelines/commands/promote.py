"""`pix2pix promote`: make a version of a registered model the champion, by hand."""

import logging
from typing import Annotated

import typer

from pipelines.registry.reference import REFERENCE_HELP

logger = logging.getLogger(__name__)


def promote(
    model: Annotated[str, typer.Argument(help=f"Registered model: {REFERENCE_HELP}.")],
) -> None:
    """Make a version of a registered model the champion.

    `dvc repro register` compares each new version with the champion and promotes it if it is
    better. This command does so without a comparison; `pix2pix rollback` undoes it.

    For example: pix2pix promote pix2pix-facades-drawn/3
    """
    from pipelines.registry import champion
    from pipelines.tracking.connection import connected
    from pipelines.tracking.uri import recorded_uri

    with connected(recorded_uri()) as client:
        logger.info("%s", champion.promote(client, model))
