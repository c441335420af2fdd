"""`pix2pix use`: put a preset into params.yaml."""

from typing import Annotated

import typer


def complete_names(incomplete: str) -> list[str]:
    """The presets whose names begin with what has been typed, for the shell."""
    from pipelines.repository.presets import preset_names

    return [name for name in preset_names() if name.startswith(incomplete)]


def use(
    preset: Annotated[
        str,
        typer.Argument(
            metavar="PRESET",
            help="Name of a file below params/, without .yaml.",
            autocompletion=complete_names,
        ),
    ],
) -> None:
    """Write a preset of params/ to params.yaml.

    All other commands read params.yaml. Every value that changes is printed with what it was
    before.

    For example: pix2pix use smoke
    """
    from pipelines.repository.presets import use_preset

    changes = use_preset(preset)
    if changes is None:
        typer.echo(f"params.yaml holds the preset {preset}; there was no valid one before")
        return
    for key, (before, after) in changes.items():
        typer.echo(f"{key}: {before} -> {after}")
    typer.echo(f"params.yaml holds the preset {preset}; {len(changes)} value(s) changed")
