"""`pix2pix use`: put a preset into params.yaml."""

from pathlib import Path
from typing import Annotated

import typer

from pix2pix.plural import counted


def complete_names(incomplete: str) -> list[str]:
    """The presets whose names begin with what has been typed, for the shell."""
    from pipelines.repository.presets import TASKS, preset_names

    names = [name.removeprefix(TASKS) for name in preset_names()]
    return [name for name in names if name.startswith(incomplete)]


def use(
    preset: Annotated[
        str | None,
        typer.Argument(
            metavar="PRESET",
            help="Name of a file below params/; .yaml and the folder tasks/ may be left out.",
            autocompletion=complete_names,
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="DIR",
            help="Folder of your images: photos for tasks that make one side of each pair, or "
            "pairs in the folders DIR/A and DIR/B, or side by side in each file. It must not be "
            "below data/raw.",
        ),
    ] = None,
    list_presets: Annotated[
        bool, typer.Option("--list", help="List the presets, and what each is for.")
    ] = False,
) -> None:
    """Write a preset of params/ to params.yaml.

    All other commands read params.yaml. Every value that changes is printed with what it was
    before.

    For example: pix2pix use colourise --data ../photos
    """
    from pipelines.repository.presets import TASKS, preset_sentences, use_preset
    from pipelines.repository.user_folder import use_preset_for, where_data_belongs

    if list_presets:
        for name, sentence in preset_sentences().items():
            typer.echo(f"{name.removeprefix(TASKS):18} {sentence}")
        return
    if preset is None:
        raise typer.BadParameter("name a preset; `pix2pix use --list` lists them")
    preset = _name_of(preset)
    changes = use_preset(preset) if data is None else use_preset_for(preset, data)
    for key, (before, after) in (changes or {}).items():
        typer.echo(f"{key}: {before} -> {after}")
    result = (
        "there was no valid one before"
        if changes is None
        else f"{counted(len(changes), 'value')} changed"
    )
    typer.echo(f"params.yaml holds the preset {preset}; {result}")
    if data is None and (hint := where_data_belongs(preset)):
        typer.echo(hint)


def _name_of(typed: str) -> str:
    """The preset's name, also of the path that a shell completes: ./params/tasks/denoise.yaml."""
    from pipelines.repository.presets import PRESETS_DIR, TASKS

    path = Path(typed.removesuffix(".yaml"))
    below = path.relative_to(PRESETS_DIR) if path.is_relative_to(PRESETS_DIR) else path
    return below.as_posix().removeprefix(TASKS)
