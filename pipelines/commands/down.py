"""`pix2pix down`: stop the servers of this project."""

from pathlib import Path

import typer


def down() -> None:
    """Stop what `pix2pix up` started in this folder.

    A training under way saves a checkpoint first. Runs and models are kept.

    For example: pix2pix down
    """
    from pipelines.services.console import stop_services

    typer.echo(stop_services(Path.cwd()), nl=False)
