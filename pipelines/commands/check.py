"""`pix2pix check`: find wrong parameters before DVC removes the first output."""

from pathlib import Path

import typer


def check() -> None:
    """Check params.yaml and the names of your image files.

    Run it before `dvc repro`, which removes the outputs of a stage before the stage can find a
    mistake. `make run` does both.

    For example: pix2pix check
    """
    from pix2pix.config import load_params
    from pix2pix.files import refuse_special_files
    from pix2pix.images.names import refuse_bad_names
    from pix2pix.tuning.space import check_space

    params = load_params()
    check_space(params)
    if params.data.source in ("folder", "video") and Path(params.data.path).is_dir():
        refuse_bad_names(Path(params.data.path))
        refuse_special_files(Path(params.data.path))
    typer.echo("params.yaml is valid")
