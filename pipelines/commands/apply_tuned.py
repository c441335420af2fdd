"""`pix2pix apply-tuned`: write what a study found into params.yaml.

No stage does this by itself: the next training changes only when a person says so.
"""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.paths import BEST_PARAMS_PATH
from pix2pix.errors import UserError
from pix2pix.plural import counted


def apply_tuned(
    file: Annotated[
        Path, typer.Argument(help="File of parameters that a study wrote.", metavar="FILE")
    ] = BEST_PARAMS_PATH,
) -> None:
    """Write the best parameters of a study to params.yaml.

    Comments in params.yaml are kept. Every value that changes is printed with what it was before.
    Run `dvc repro tune` first.

    For example: pix2pix apply-tuned
    """
    from pipelines.repository.params_file import apply_overrides_file

    if not file.is_file():
        raise UserError(f"{file} is missing; run `dvc repro tune` or `dvc pull`")
    changes = apply_overrides_file(Path(), file)
    for key, (before, after) in changes.items():
        typer.echo(f"{key}: {before} -> {after}")
    typer.echo(f"{counted(len(changes), 'value')} changed in params.yaml")
