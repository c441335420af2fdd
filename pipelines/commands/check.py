"""`pix2pix check`: find wrong parameters and data before DVC removes the first output."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from pix2pix.config import DataConfig

logger = logging.getLogger(__name__)


def check() -> None:
    """Check params.yaml, and the names of your image files or films.

    Run it before `dvc repro`, which removes the outputs of a stage before the stage can find a
    mistake. `make run` does both. It also checks that MLflow's database can be where it is to be.
    It reads no pixels; the stage prepare does.

    For example: pix2pix check
    """
    from pipelines.tracking.uri import tracking_uri
    from pix2pix.config import cautions, load_params
    from pix2pix.tuning.space import check_space

    params = load_params()
    check_space(params)
    for caution in cautions(params):
        logger.warning("%s", caution)
    tracking_uri()  # raises if the training could not use it
    root = Path(params.data.path)
    if params.data.has_own_files:
        if not root.exists() and _is_tracked(root):  # a flow pulls it after this check
            typer.echo(f"params.yaml is valid; {root} is not here yet, `dvc pull` brings it")
            return
        _check_folder(root, params.data)
    typer.echo("params.yaml is valid")


def _is_tracked(root: Path) -> bool:
    """Whether `dvc add` or `dvc import` made a file that says what the folder holds."""
    return any(each.name and Path(f"{each}.dvc").is_file() for each in (root, *root.parents))


def _check_folder(root: Path, config: "DataConfig") -> None:
    """Raise UserError for what the stages `ingest` and `prepare` would stop at in the names."""
    from pix2pix.images.names import refuse_bad_names
    from pix2pix.preparation.pairs import refuse_no_folder
    from pix2pix.special_files import refuse_special_files

    refuse_no_folder(root)
    refuse_bad_names(root)
    refuse_special_files(root)
    if config.source == "video":
        from pix2pix.sources.films import film_pairs  # needs PyAV

        film_pairs(config)
    else:
        from pix2pix.preparation.quick_checks import check_names

        check_names(root, config)
