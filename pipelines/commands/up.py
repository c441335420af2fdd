"""`pix2pix up`: start the servers of this project."""

from pathlib import Path
from typing import Annotated

import typer


def up(
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Flow runs at the same time; at first 4."),
    ] = None,
    training_slots: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Trainings at the same time; at first 1."),
    ] = None,
) -> None:
    """Start Prefect, MLflow and a worker in the background.

    The command ends when all of them work. What already runs stays as it is. docs/services.md
    describes the servers.

    For example: pix2pix up --concurrency 8
    """
    from pipelines.services.console import start_services
    from pipelines.tracking.uri import refuse_other_folder

    refuse_other_folder()
    lines = start_services(Path.cwd(), concurrency=concurrency, training_slots=training_slots)
    typer.echo(lines, nl=False)
