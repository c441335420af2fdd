"""`pix2pix rollback`: give the alias `champion` back to the version that had it before."""

import logging
from typing import Annotated

import typer

logger = logging.getLogger(__name__)


def rollback(
    name: Annotated[str, typer.Argument(help="Name of the registered model, without a version.")],
) -> None:
    """Give the alias champion back to the version before.

    It undoes `pix2pix promote` and what `dvc repro register` decided. A version that is taken back
    is not considered again. Given again, the command goes one champion further back.

    For example: pix2pix rollback pix2pix-facades-drawn
    """
    from pipelines.registry.champion import roll_back
    from pipelines.tracking.connection import connected
    from pipelines.tracking.uri import recorded_uri

    with connected(recorded_uri()) as client:
        logger.info("%s", roll_back(client, name))
